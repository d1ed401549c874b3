/* The text of a log as lines, and the search in it. It does not use the page, so that it can be tested alone. */
/* The escape sequences of ECMA-48: for colours and the like, for links and titles, and short ones as of `tput sgr0`. */
const ESCAPES = /(?:\x1b\[|\x9b)[0-?]*[ -/]*[@-~]|\x1b[\]PX^_][^\x07\x1b]*(?:\x07|\x1b\\)|\x1b[ -/]*[0-~]/g;
const UNPRINTABLE = /[\x00-\x08\x0b-\x1f\x7f-\x9f]/;
const LONGEST_SHOWN = 4000;
const ERROR = /\b(?:ERROR|FAIL(?:ED|URE)?|FATAL|CRITICAL)\b(?!\s*=\s*0)|^\s*(?:\w+\.)*\w*(?:Error|Exception)\b|\b(?:Database|Compilation|Runtime|Parsing) Error\b|^Traceback /;
const WARNING = /\bWARN(?:ING)?\b(?!\s*=\s*0)/;
const DEBUG = /\bDEBUG\b|\[debug\s*\]/;
const LEVELS = { error: "error", critical: "error", warn: "warn", warning: "warn", debug: "debug" };

/* What a terminal would show of a line: of a progress bar, which goes back to the start by carriage returns, its last
   state. */
const printed = (line) => {
  if (!UNPRINTABLE.test(line)) return line;
  const plain = line.replace(ESCAPES, "").replace(/\r+$/, "");
  return plain.slice(plain.lastIndexOf("\r") + 1).replace(new RegExp(UNPRINTABLE, "g"), "");
};

/* One line of dbt's JSON format as readable text, or null for any other line. */
const fromJson = (line) => {
  try {
    const { info, data } = JSON.parse(line);
    if (!info || info.msg === undefined) return null;
    return { text: `${String(info.ts || "").slice(11, 19)}  ${printed(String(info.msg).replaceAll("\n", " "))}`,
      level: data?.status === "error" || data?.status === "fail" ? "error" : LEVELS[info.level] || "" };
  } catch { return null; }
};

export const levelOf = (line) => {
  const text = line.slice(0, 400);
  return ERROR.test(text) ? "error" : WARNING.test(text) ? "warn" : DEBUG.test(text) ? "debug" : "";
};

export class LogText {
  constructor() {
    this.lines = [];
    this.size = 0;
    this.open = "";
    this.levels = new Map();
    this.notes = new Set();
  }

  /* Adds the next part; a line that is divided between two parts becomes one. */
  append(text) {
    if (!text) return;
    this.size += text.length;
    if (this.open) this.lines.pop();
    const lines = (this.open + text).split("\n");
    this.open = lines.pop();
    for (const line of lines) this.lines.push(this.shown(line, this.lines.length));
    if (this.open) this.lines.push(this.shown(this.open, this.lines.length));
  }

  /* A line that is not from the log: it says what is missing. */
  note(text) {
    this.open = "";
    this.notes.add(this.lines.length);
    this.lines.push(text);
  }

  shown(line, at) {
    const read = line.startsWith("{") && line.includes('"info"') ? fromJson(line) : null;
    if (read) this.levels.set(at, read.level);
    const text = read ? read.text : printed(line);
    return text.length > LONGEST_SHOWN ? `${text.slice(0, LONGEST_SHOWN)} … and ${text.length - LONGEST_SHOWN} more characters` : text;
  }

  level(at) {
    return this.notes.has(at) ? "note" : this.levels.get(at) ?? levelOf(this.lines[at]);
  }
}

/* Finds the lines that contain a text, in upper or lower case. Called again for the same text, it reads only new lines.
   */
export const finder = () => {
  let wanted = "", read = 0, found = [];
  return (log, text) => {
    const needle = text.toLowerCase();
    if (needle !== wanted || read > log.lines.length) [wanted, read, found] = [needle, 0, []];
    if (!needle) return found;
    /* The last line may have grown. */
    const from = Math.max(0, read - 1);
    const kept = found.filter((line) => line < from);
    for (let at = from; at < log.lines.length; at += 1) if (log.lines[at].toLowerCase().includes(needle)) kept.push(at);
    read = log.lines.length;
    found = kept;
    return found;
  };
};

/* A text divided into pieces, of which every second one is a match. */
export const pieces = (text, needle) => {
  if (!needle) return [text];
  const low = text.toLowerCase(), wanted = needle.toLowerCase(), found = [];
  /* Some letters have another length in lower case; then no match is marked. */
  if (low.length !== text.length) return [text];
  let from = 0;
  for (let at = low.indexOf(wanted); at >= 0; at = low.indexOf(wanted, from)) {
    found.push(text.slice(from, at), text.slice(at, at + wanted.length));
    from = at + wanted.length;
  }
  return [...found, text.slice(from)];
};
