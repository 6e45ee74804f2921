// @ts-check
/** The page's texts, in its language, and times in words. */

/** @type {Record<string, string | string[]>} */
const texts = JSON.parse(document.getElementById("words")?.textContent ?? "{}");
export const language = document.documentElement.lang || "en";

/** Where the form of each kind of number stands: messenger/pages/words.py gives those of 1, 2 and 5. */
const FORMS = /** @type {Record<string, number>} */ ({ one: 0, two: 1, few: 1, many: 2, other: 2 });
const plural = new Intl.PluralRules(language);
const numbers = new Intl.NumberFormat(language);

/** @param {string} text @param {Record<string, any>} values */
const filled = (text, values) => text.replace(/\{(\w+)\}/g, (whole, name) => String(values[name] ?? whole));

/** @param {string} id @param {Record<string, any>} [values] */
export function say(id, values = {}) {
  const text = texts[id];
  return typeof text === "string" ? filled(text, values) : id;
}

/** Of so many: `counted("members", 5)` is "5 members". @param {string} id @param {number} number @param {Record<string, any>} [values] */
export function counted(id, number, values = {}) {
  const form = texts[id]?.[FORMS[plural.select(number)]];
  return form === undefined ? `${number}` : filled(form, { number: numbers.format(number), ...values });
}

/** @param {number} number */
export const numeral = (number) => numbers.format(number);

const clock = new Intl.DateTimeFormat(language, { hour: "numeric", minute: "2-digit" });
const weekday = new Intl.DateTimeFormat(language, { weekday: "short" });
const dayOfYear = new Intl.DateTimeFormat(language, { day: "numeric", month: "long" });
const wholeDay = new Intl.DateTimeFormat(language, { day: "numeric", month: "long", year: "numeric" });
const shortDay = new Intl.DateTimeFormat(language, { day: "2-digit", month: "2-digit", year: "2-digit" });
const moment = new Intl.DateTimeFormat(language, { dateStyle: "long", timeStyle: "medium" });
const relative = new Intl.RelativeTimeFormat(language, { numeric: "auto" });
const names = new Intl.ListFormat(language, { type: "conjunction" });

/** Whole days from one to the other, as calendars count. @param {Date} from @param {Date} to */
function daysBetween(from, to) {
  const midnight = (/** @type {Date} */ at) => Date.UTC(at.getFullYear(), at.getMonth(), at.getDate());
  return Math.round((midnight(to) - midnight(from)) / 86_400_000);
}

/** @param {string} iso */
export const timeOf = (iso) => clock.format(new Date(iso));

/** @param {string} iso */
export const momentOf = (iso) => moment.format(new Date(iso));

/** The same for all that was on one day. @param {string} iso */
export function dayKey(iso) {
  const at = new Date(iso);
  return `${at.getFullYear()}-${at.getMonth() + 1}-${at.getDate()}`;
}

/** Today, yesterday, a date. @param {string} iso */
export function dayOf(iso) {
  const at = new Date(iso);
  const now = new Date();
  const days = daysBetween(at, now);
  if (days === 0 || days === 1) {
    const text = relative.format(-days, "day");
    return text[0].toLocaleUpperCase(language) + text.slice(1);
  }
  return (at.getFullYear() === now.getFullYear() ? dayOfYear : wholeDay).format(at);
}

/** As short as a list of chats wants it. @param {string} iso */
export function briefly(iso) {
  const at = new Date(iso);
  const days = daysBetween(at, new Date());
  if (days <= 0) return clock.format(at);
  return days < 7 ? weekday.format(at) : shortDay.format(at);
}

/** The end of something: a time today, else the day as well. @param {number} ms since the epoch */
export function untilOf(ms) {
  const at = new Date(ms);
  const time = clock.format(at);
  return daysBetween(new Date(), at) === 0 ? time : say("day_at", { day: wholeDay.format(at), time });
}

/** "in 5 seconds", and in minutes and hours where there are many. @param {number} seconds */
export function inSeconds(seconds) {
  if (seconds < 120) return relative.format(Math.max(1, Math.ceil(seconds)), "second");
  return seconds < 7_200 ? relative.format(Math.ceil(seconds / 60), "minute") : relative.format(Math.ceil(seconds / 3_600), "hour");
}

/** "30 seconds", "5 minutes", "1 hour". @param {number} seconds */
export function lengthOfTime(seconds) {
  const [unit, size] = seconds % 3_600 === 0 ? ["hour", 3_600] : seconds % 60 === 0 ? ["minute", 60] : ["second", 1];
  return new Intl.NumberFormat(language, { style: "unit", unit, unitDisplay: "long" }).format(seconds / Number(size));
}

/** How long ago somebody was here. @param {string} iso */
export function since(iso) {
  const at = new Date(iso);
  const minutes = Math.floor((Date.now() - at.getTime()) / 60_000);
  if (minutes < 1) return say("just_now");
  if (minutes < 60) return relative.format(-minutes, "minute");
  const days = daysBetween(at, new Date());
  const day = days < 2 ? relative.format(-days, "day") : wholeDay.format(at);
  return say("day_at", { day, time: clock.format(at) });
}

/** @param {string[]} list "Anna, Boris and Vera" */
export const listed = (list) => names.format(list);

const CODES = new Set(["network", "offline", "timeout", "disconnected"]);

/** What went wrong, for people. @param {any} error */
export function problem(error) {
  if (CODES.has(error?.code)) return say("no_connection");
  // About one field the sentence says it all; its name is for programs.
  const sentences = Object.values(error?.errors ?? {}).flat();
  return (sentences.length === 1 && sentences[0]) || error?.detail || String(error?.message ?? error);
}
