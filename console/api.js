// The one module that talks to the API: where it is, with which token, and what an answer means.

// Relative to the page: https://…/<stage>/console talks to https://…/<stage>/api/v1.
export const BASE = new URL("api/v1/", document.baseURI).href;
const TOKEN = "token";

export const token = {
  get: () => sessionStorage.getItem(TOKEN),
  set: (value) => sessionStorage.setItem(TOKEN, value),
  forget: () => sessionStorage.removeItem(TOKEN),
};

/** The API refused a request, or could not be reached (`status` 0). */
export class Refused extends Error {
  constructor(status, problem, retryAfter) {
    super(problem.message ?? `The server answered ${status}`);
    this.status = status;
    this.problem = problem;
    this.retryAfter = retryAfter;
  }
}

/** Call the API; `path` begins after /api/v1/. Returns the answer's JSON; throws Refused. */
export async function call(path, { method = "GET", body, signal } = {}) {
  const headers = { Authorization: `Bearer ${token.get()}` };
  let answer;
  try {
    answer = await fetch(BASE + path, { method, headers, body: body && JSON.stringify(body), signal });
  } catch (error) {
    if (error.name === "AbortError") throw error;
    throw new Refused(0, { message: "The server cannot be reached" });
  }
  const said = await answer.json().catch(() => ({}));
  if (answer.ok) return said;
  throw new Refused(answer.status, said, Number(answer.headers.get("Retry-After")) || undefined);
}
