// What somebody writes who has generated types with openapi-typescript: arguments are the address, a token and a project.
import createClient from "openapi-fetch";
import type { components, paths } from "./schema.d.ts";

const [baseUrl, token, project] = process.argv.slice(2) as [string, string, string];
const api = createClient<paths>({ baseUrl, headers: { Authorization: `Bearer ${token}` } });
const inProject = { params: { path: { project_id: project } } };

const body: components["schemas"]["JobCreate"] = { name: "hourly", command: "dbt build", schedule: "@hourly" };
const created = await api.POST("/api/v1/projects/{project_id}/jobs", { ...inProject, body });
const listed = await api.GET("/api/v1/projects/{project_id}/jobs", inProject);
const stats = await api.GET("/api/v1/projects/{project_id}/runs/daily-stats", {
  params: { path: { project_id: project }, query: { days: 2 } },
});
const refused = await api.POST("/api/v1/projects/{project_id}/jobs", { ...inProject, body: { ...body, schedule: "never" } });

// @ts-expect-error a field that the API does not have
const unknown: components["schemas"]["JobUpdate"] = { shedule: "@daily" };
// @ts-expect-error a status that a run cannot have
const impossible: components["schemas"]["JobRun"]["status"] = "done";

console.log(
  JSON.stringify({
    created: created.data?.id,
    listed: listed.data?.jobs.map((job) => job.id),
    days: stats.data?.days.map((day) => day.total_runs),
    status: refused.response.status,
    code: refused.error?.code,
    field: refused.error?.errors?.[0]?.field,
    unused: [unknown, impossible].length,
  }),
);
