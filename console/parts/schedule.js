/* A schedule in words. A schedule without a short and exact description is shown as it is written. */
const NAMES = {
  "@yearly": "0 0 1 1 *", "@annually": "0 0 1 1 *", "@monthly": "0 0 1 * *", "@weekly": "0 0 * * 0", "@daily": "0 0 * * *",
  "@midnight": "0 0 * * *", "@hourly": "0 * * * *",
};
const DAYS = ["Sunday", "Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday"];
const MONTHS = ["January", "February", "March", "April", "May", "June", "July", "August", "September", "October", "November", "December"];
const MOST_TIMES = 4;

const list = (words) => (words.length < 2 ? words.join("") : `${words.slice(0, -1).join(", ")} and ${words.at(-1)}`);
const two = (number) => String(number).padStart(2, "0");

/* The values of a field, null for all of them, undefined if this module does not read it. */
const values = (field, least, most, names = []) => {
  if (field === "*" || field === "?" || field === "*/1") return null;
  const found = new Set();
  for (const part of field.split(",")) {
    const match = /^(\*|\w+)(?:-(\w+))?(?:\/(\d+))?$/.exec(part);
    if (!match) return undefined;
    const number = (text) => { const at = names.indexOf(text.toLowerCase()); return at < 0 ? (/^\d+$/.test(text) ? Number(text) : NaN) : at + least; };
    const from = match[1] === "*" ? least : number(match[1]);
    const to = match[2] ? number(match[2]) : match[1] === "*" || match[3] ? most : from;
    const step = Number(match[3] || 1);
    if (![from, to].every((one) => one >= least && one <= most) || !step) return undefined;
    for (let value = from; value <= to; value += step) found.add(value);
  }
  return [...found].sort((one, other) => one - other);
};

const step = (field) => /^(?:\*|0)\/(\d+)$/.exec(field)?.[1];

const ordinal = (day) => `${day}${day % 100 > 10 && day % 100 < 14 ? "th" : { 1: "st", 2: "nd", 3: "rd" }[day % 10] || "th"}`;

const weekdays = (days) => {
  if (days.join() === "1,2,3,4,5") return "on weekdays";
  if (days.join() === "0,6") return "at weekends";
  return days.length > 3 && days.every((day, at) => !at || day === days[at - 1] + 1)
    ? `from ${DAYS[days[0]]} to ${DAYS[days.at(-1)]}` : `on ${list([...days].sort((a, b) => (a || 7) - (b || 7)).map((day) => `${DAYS[day]}s`))}`;
};

const timesOfDay = (minutes, hours) => {
  const times = hours.flatMap((hour) => minutes.map((minute) => `${two(hour)}:${two(minute)}`));
  return times.length > MOST_TIMES ? null : `at ${list(times)}`;
};

const often = (minute, hour, minutes, hours) => {
  if (!hours) {
    if (!minutes) return "every minute";
    const every = step(minute);
    if (every && 60 % every === 0) return `every ${every} minutes`;
    if (minutes.length === 1) return minutes[0] ? `every hour at minute ${minutes[0]}` : "every hour";
    return minutes.length <= MOST_TIMES ? `every hour at minutes ${list(minutes)}` : null;
  }
  const every = step(hour);
  if (minutes?.length === 1 && every && 24 % every === 0) return `every ${every} hours${minutes[0] ? ` at minute ${minutes[0]}` : ""}`;
  if (minutes && timesOfDay(minutes, hours)) return timesOfDay(minutes, hours);
  const row = hours.every((one, at) => !at || one === hours[at - 1] + 1);
  if (!row) return null;
  const most = minutes ? minutes.at(-1) : 59;
  const each = !minutes ? "every minute" : step(minute) && 60 % step(minute) === 0 ? `every ${step(minute)} minutes`
    : minutes.length === 1 ? "every hour" : null;
  return each && `${each} from ${two(hours[0])}:${two(minutes ? minutes[0] : 0)} to ${two(hours.at(-1))}:${two(most)}`;
};

export const inWords = (schedule) => {
  if (!schedule) return "After other jobs";
  const fields = (NAMES[schedule.trim().toLowerCase()] || schedule.trim()).split(/\s+/);
  if (fields.length !== 5) return schedule;
  const [minute, hour, day, month, weekday] = fields;
  const short = (names) => names.map((name) => name.slice(0, 3).toLowerCase());
  const [minutes, hours, days, months, week] = [values(minute, 0, 59), values(hour, 0, 23), values(day, 1, 31),
    values(month, 1, 12, short(MONTHS)), values(weekday, 0, 6, short(DAYS))];
  if ([minutes, hours, days, months, week].includes(undefined)) return schedule;
  const time = often(minute, hour, minutes, hours);
  const ofMonth = days && days.length <= MOST_TIMES ? `on the ${list(days.map(ordinal))}` : null;
  if (!time || (days && !ofMonth)) return schedule;
  /* Cron's rule: if both fields are restricted, one of them has to match. Stars with a step count differently there. */
  if (days && week) return /^[*?]/.test(day + weekday) || /^[*?]/.test(weekday) ? schedule : said(time, `${ofMonth} and ${weekdays(week)}`, months);
  return said(time, ofMonth || (week ? weekdays(week) : time.startsWith("at ") ? "every day" : ""), months);
};

const said = (time, day, months) => {
  const when = months ? ` in ${list(months.map((month) => MONTHS[month - 1]))}` : "";
  const text = time.startsWith("at ") ? `${day} ${time}` : `${time}${day ? ` ${day}` : ""}`;
  const full = `${text}${when}`.trim();
  return full[0].toUpperCase() + full.slice(1);
};
