// SPDX-License-Identifier: Apache-2.0
// Figures and times as people read them.

const NOTHING = '–';
const counts = new Intl.NumberFormat('en');
const tenths = new Intl.NumberFormat('en', {maximumFractionDigits: 1});
const clock = new Intl.DateTimeFormat('en-GB', {hour: '2-digit', minute: '2-digit', second: '2-digit'});
const day = new Intl.DateTimeFormat('en-GB', {day: 'numeric', month: 'short'});
const dayOfYear = new Intl.DateTimeFormat('en-GB', {day: 'numeric', month: 'short', year: 'numeric'});

export function count(n) {
  return n === null || n === undefined ? NOTHING : counts.format(n);
}

export function decimal(n) {
  return n === null || n === undefined ? NOTHING : tenths.format(n);
}

export function percent(n) {
  return n === null || n === undefined ? NOTHING : `${tenths.format(n)} %`;
}

/** 12,345 of something, in the singular where it is one. */
export function many(n, one, more = `${one}s`) {
  return `${count(n)} ${n === 1 ? one : more}`;
}

/** Seconds as the two largest units: "1 h 12 min". */
export function duration(seconds) {
  if (seconds === null || seconds === undefined) return NOTHING;
  const s = Math.round(seconds);
  if (s < 60) return `${s} s`;
  if (s < 3600) return s % 60 ? `${Math.floor(s / 60)} min ${s % 60} s` : `${s / 60} min`;
  const minutes = Math.floor(s / 60);
  if (s < 86400) return minutes % 60 ? `${Math.floor(minutes / 60)} h ${minutes % 60} min` : `${minutes / 60} h`;
  const hours = Math.floor(s / 3600);
  return hours % 24 ? `${Math.floor(hours / 24)} d ${hours % 24} h` : `${hours / 24} d`;
}

export function milliseconds(ms) {
  if (ms === null || ms === undefined) return NOTHING;
  return ms < 1000 ? `${Math.round(ms)} ms` : duration(ms / 1000);
}

/** An instant on the reader's clock: the time alone where it is today, the year where it is another one. */
export function instant(iso) {
  if (!iso) return NOTHING;
  const at = new Date(iso);
  const now = new Date();
  if (at.toDateString() === now.toDateString()) return clock.format(at);
  return `${(at.getFullYear() === now.getFullYear() ? day : dayOfYear).format(at)} ${clock.format(at).slice(0, 5)}`;
}

export function timeOfDay(date) {
  return clock.format(date);
}

/** "3 min ago", "in 2 h". */
export function relative(iso) {
  if (!iso) return NOTHING;
  const seconds = (new Date(iso).getTime() - Date.now()) / 1000;
  if (Math.abs(seconds) < 1) return 'now';
  return seconds < 0 ? `${duration(-seconds)} ago` : `in ${duration(seconds)}`;
}

export function bytes(n) {
  if (n === null || n === undefined) return NOTHING;
  const units = ['B', 'KiB', 'MiB', 'GiB', 'TiB'];
  const step = n > 0 ? Math.min(units.length - 1, Math.floor(Math.log2(n) / 10)) : 0;
  return `${tenths.format(n / 1024 ** step)} ${units[step]}`;
}
