"""The world of these tests, and that its audit finds faults."""

from tests.reliability.world import HOOK, World


def audit(world: World) -> list[str]:
    return world.audit().findings()


def test_a_day_without_faults_leaves_nothing_to_find(world: World) -> None:
    job = world.create(**HOOK)
    failing = world.create("failing", "dbt run --select fail", **HOOK)
    world.tick()
    for _ in range(5):
        world.minute()
    world.trigger(job)
    world.until_settled()

    assert audit(world) == []
    assert len(world.runs(job)) == 10
    assert {run.status for run in world.runs(failing)} == {"failed"}
    assert len(world.inbox) == len(world.runs())
