// Formats numbers, durations and times.

const integerFormat = new Intl.NumberFormat("en");
const timeFormat = new Intl.DateTimeFormat("en", { dateStyle: "medium", timeStyle: "medium" });

export const formatNumber = (value) => integerFormat.format(value);

export function formatRate(value) {
  if (value >= 100) return integerFormat.format(Math.round(value));
  return String(value < 10 ? Math.round(value * 10) / 10 : Math.round(value));
}

export const formatTime = (ms) => (ms === null ? "—" : timeFormat.format(new Date(ms)));

export function formatDuration(ms) {
  const seconds = Math.max(0, Math.round(ms / 1000));
  if (seconds < 60) return `${seconds} s`;
  const minutes = Math.floor(seconds / 60);
  if (minutes < 60) return `${minutes} min`;
  const hours = Math.floor(minutes / 60);
  if (hours < 24) return minutes % 60 ? `${hours} h ${minutes % 60} min` : `${hours} h`;
  const days = Math.floor(hours / 24);
  return hours % 24 ? `${days} d ${hours % 24} h` : `${days} d`;
}

export const formatAgo = (ms, now) => (now - ms < 1000 ? "just now" : `${formatDuration(now - ms)} ago`);

export const formatUntil = (ms, now) => (ms - now < 1000 ? "now" : `in ${formatDuration(ms - now)}`);

export const formatCount = (count, singular, plural) =>
  `${integerFormat.format(count)} ${count === 1 ? singular : plural}`;
