// SPDX-License-Identifier: Apache-2.0
// CSV that a spreadsheet shows and does not compute: as the producer's exports are written.

const NUMBER = /^[+-]?\d[\d.]*$/;

function cell(value) {
  let text = String(value);
  if (/^[=+\-@\t\r\n]/.test(text) && !NUMBER.test(text)) text = `'${text}`;
  return /[",;\t\r\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text;
}

export function csvText(rows) {
  return rows.map((row) => `${row.map(cell).join(',')}\r\n`).join('');
}
