// Numbers and times in words, as the command line has them.

export const NOTHING = '–';

export function bytes(count) {
  if (count === null || count === undefined) return NOTHING;
  const sign = count < 0 ? '−' : '';
  let size = Math.abs(count), unit = 0;
  while (size >= 1024 && unit < 4) { size /= 1024; unit += 1; }
  const digits = unit < 2 || size >= 100 ? 0 : size >= 10 ? 1 : 2;
  return `${sign}${size.toFixed(digits)} ${['B', 'KiB', 'MiB', 'GiB', 'TiB'][unit]}`;
}

export function milliseconds(count) {
  if (count === null || count === undefined) return NOTHING;
  if (count < 1) return '0 ms';
  if (count < 1000) return `${Math.round(count)} ms`;
  if (count < 9950) return `${(count / 1000).toFixed(1)} s`;
  return seconds(count / 1000);
}

export function seconds(count) {
  const whole = Math.max(0, Math.round(count));
  if (whole < 60) return `${whole} s`;
  if (whole < 3600) return `${Math.floor(whole / 60)} min ${String(whole % 60).padStart(2, '0')} s`;
  if (whole < 86400) return `${Math.floor(whole / 3600)} h ${String(Math.floor(whole / 60) % 60).padStart(2, '0')} min`;
  return `${Math.floor(whole / 86400)} d ${Math.floor(whole / 3600) % 24} h`;
}

export function number(value, digits = 0) {
  return value === null || value === undefined ? NOTHING : value.toLocaleString('en', { maximumFractionDigits: digits, minimumFractionDigits: digits });
}

export function compact(value) {
  if (value === null || value === undefined) return NOTHING;
  if (value < 10000) return number(value);
  return value < 1e6 ? `${(value / 1e3).toFixed(1)}k` : `${(value / 1e6).toFixed(1)}M`;
}

export function rate(value) {
  return value === null || value === undefined ? NOTHING : number(value, value < 10 ? 1 : 0);
}

export function percent(share, digits = 0) {
  return share === null || share === undefined ? NOTHING : `${(share * 100).toFixed(digits)} %`;
}

export function usd(value) {
  if (value === null || value === undefined) return NOTHING;
  return `$${value.toFixed(value === 0 || value >= 1 ? 2 : value >= 0.01 ? 3 : 5)}`;
}

export function clock(at) {
  const moment = new Date(at);
  const time = moment.toLocaleTimeString('en-GB');
  return moment.toDateString() === new Date().toDateString() ? time : `${moment.toLocaleDateString('sv-SE').slice(5)} ${time}`;
}

export function route(row) {
  return row.reason ? `${row.route}: ${row.reason.replaceAll('_', ' ')}` : row.route;
}
