class Kubelet:
    def __init__(self, *a): pass
    async def run(self):
        import asyncio
        await asyncio.Event().wait()
    async def stop(self): pass
