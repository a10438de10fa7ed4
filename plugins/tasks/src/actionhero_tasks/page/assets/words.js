// Numbers and times, as people read them.

const whole = new Intl.NumberFormat("en");
const clock = new Intl.DateTimeFormat("en", { dateStyle: "medium", timeStyle: "medium" });

export const number = (value) => whole.format(value);

export function rate(value) {
  if (value >= 100) return whole.format(Math.round(value));
  return String(value < 10 ? Math.round(value * 10) / 10 : Math.round(value));
}

export const moment = (ms) => (ms === null ? "—" : clock.format(new Date(ms)));

export function span(ms) {
  const seconds = Math.max(0, Math.round(ms / 1000));
  if (seconds < 60) return `${seconds} s`;
  const minutes = Math.floor(seconds / 60);
  if (minutes < 60) return `${minutes} min`;
  const hours = Math.floor(minutes / 60);
  if (hours < 24) return minutes % 60 ? `${hours} h ${minutes % 60} min` : `${hours} h`;
  const days = Math.floor(hours / 24);
  return hours % 24 ? `${days} d ${hours % 24} h` : `${days} d`;
}

export const ago = (ms, now) => (now - ms < 1000 ? "just now" : `${span(now - ms)} ago`);

export const until = (ms, now) => (ms - now < 1000 ? "now" : `in ${span(ms - now)}`);

export const count = (n, one, many) => `${whole.format(n)} ${n === 1 ? one : many}`;
