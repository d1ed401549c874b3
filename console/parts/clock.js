/* The time as the API has it: a computer whose clock is wrong by hours would show every job as late. */
const TOLERATED_MS = 30_000, SLOW_MS = 5000;
let ahead = 0;

export const now = () => Date.now() - ahead;

/* Takes the Date header of an answer. It lies between the request and the answer, unless this computer's clock is wrong;
   by how much, only a quick answer tells. */
export const compare = (date, sentAt) => {
  const told = Date.parse(date), answeredAt = Date.now();
  if (!Number.isFinite(told) || answeredAt - sentAt > SLOW_MS) return;
  const off = told < sentAt ? sentAt - told : told > answeredAt ? answeredAt - told : 0;
  ahead = Math.abs(off) > TOLERATED_MS ? off : 0;
};
