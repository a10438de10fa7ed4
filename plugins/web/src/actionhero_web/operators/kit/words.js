// Formats numbers, durations and times.

const integerFormat = new Intl.NumberFormat("en");
const timeFormat = new Intl.DateTimeFormat("en", { dateStyle: "medium", timeStyle: "medium" });

export const formatNumber = (value) => integerFormat.format(value);

export function formatRate(value) {
  if (value >= 100) return integerFormat.format(Math.round(value));
  return String(value < 10 ? Math.round(value * 10) / 10 : Math.round(value));
}

export const formatTime = (ms) => (ms === null ? "—" : timeFormat.format(new Date(ms)));

const clockFormat = new Intl.DateTimeFormat("en", { timeStyle: "medium", hourCycle: "h23" });

/** Formats the time of a moment of today. */
export const formatClock = (ms) => clockFormat.format(new Date(ms));

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

export function formatBytes(bytes) {
  const units = ["B", "KB", "MB", "GB", "TB"];
  let value = bytes;
  let unit = 0;
  while (value >= 1000 && unit < units.length - 1) {
    value /= 1000;
    unit += 1;
  }
  return `${value < 10 && unit ? value.toFixed(1) : Math.round(value)} ${units[unit]}`;
}

/** Formats a duration in milliseconds, with three digits. */
export function formatMilliseconds(ms) {
  if (ms === null || ms === undefined) return "–";
  if (ms >= 1000) return `${Number((ms / 1000).toPrecision(3))} s`;
  return `${Number(ms.toPrecision(3))} ms`;
}

export function formatPercent(share) {
  if (share === 0) return "0 %";
  const percent = share * 100;
  return percent < 0.1 ? "< 0.1 %" : `${percent < 10 ? percent.toFixed(1) : Math.round(percent)} %`;
}
