// SPDX-License-Identifier: Apache-2.0
// A file of contacts tried before anything dials: read once from its beginning to its end, its contacts judged by the producer
// (`dryRun=true`) in pieces, and the places noted at which it can be cut for the upload.

import {query, write} from './api.js';
import {columnsOf, contactOf} from './contact_columns.js';
import {CsvReader} from './csv.js';

const READ_BYTES = 1 << 20;
const CHUNK_BYTES = 4 << 20;
const PIECE_CONTACTS = 100000;
const PIECE_CHARS = 10 << 20; // of JSON, three bytes each at most: a creation takes 32 MiB
const FAULTS_MOST = 1000;
const PREVIEW_ROWS = 6;

/**
 * Tries `file` with the creation `request` ({agentId, options}). Resolves to what would become of it:
 * {accepted, rejected, duplicates, suppressed, faults: [{row, field, value, code, message}], pieces, earliestStart, earliestEnd,
 * expiresBefore, warnings, chunks: [{from, to}], headerEnd, rows}. Throws Error for a file that cannot be read, ApiError.
 */
export async function checkFile(file, request, {signal, onProgress}) {
  const check = new FileCheck(request, file.size);
  const reader = new CsvReader(check);
  for (let at = 0; at < file.size; at += READ_BYTES) {
    signal.throwIfAborted();
    reader.feed(new Uint8Array(await file.slice(at, at + READ_BYTES).arrayBuffer()));
    onProgress(Math.min(1, (at + READ_BYTES) / file.size));
    while (check.pieces.length > 1) await check.sendPiece();
  }
  reader.finish();
  while (check.pieces.length) await check.sendPiece();
  return check.end();
}

/** The header and the first rows: {columns, rows}. */
export async function previewFile(file) {
  const found = {columns: null, rows: []};
  const reader = new CsvReader({
    onHeader: (fields) => {
      found.columns = columnsOf(fields);
    },
    onRow: (fields) => found.rows.length < PREVIEW_ROWS && found.rows.push(fields),
    onFault: () => {},
  });
  reader.feed(new Uint8Array(await file.slice(0, READ_BYTES).arrayBuffer()));
  if (file.size <= READ_BYTES) reader.finish();
  if (!found.columns) throw new Error('There is no header in this file.');
  return found;
}

class FileCheck {
  constructor(request, size) {
    Object.assign(this, {request, size, columns: null, rows: 0, headerEnd: 0, chunkFrom: 0});
    this.result = {
      accepted: 0,
      rejected: 0,
      duplicates: 0,
      suppressed: 0,
      faults: [],
      pieces: 0,
      earliestStart: null,
      earliestEnd: null,
      expiresBefore: false,
      warnings: [],
      chunks: [],
    };
    this.pieces = [new Piece()]; // that are not sent; the last one is being filled
    this.seen = new Set(); // numbers and ids of the pieces before the last one
    this.onHeader = (fields, end) => {
      this.columns = columnsOf(fields);
      this.headerEnd = end;
      this.chunkFrom = end;
    };
    this.onRow = (fields, row, end) => this.takeRow(fields, row, end);
    this.onFault = ({row, code, detail}, end) => {
      this.rows += 1;
      this.result.rejected += 1;
      this.addFault({row, field: null, value: null, code, message: `The row ${detail}.`});
      this.cutBehind(end);
    };
  }

  takeRow(fields, row, end) {
    this.rows += 1;
    const contact = contactOf(this.columns, fields);
    this.cutBehind(end);
    if (this.isSeen(contact)) {
      this.result.duplicates += 1;
      this.addFault({
        row,
        field: 'phoneNumber',
        value: contact.phoneNumber,
        code: 'DUPLICATE',
        message: 'An earlier row has the same number, or id.',
      });
      return;
    }
    if (this.pieces.at(-1).isFull()) this.beginPiece();
    this.pieces.at(-1).add(contact, row);
  }

  /** Of what the piece before holds, the producer cannot see that it comes again. */
  beginPiece() {
    for (const {phoneNumber, id} of this.pieces.at(-1).contacts) {
      this.seen.add(plainNumber(phoneNumber));
      if (id !== undefined) this.seen.add(`id:${id}`);
    }
    this.pieces.push(new Piece());
  }

  isSeen({phoneNumber, id}) {
    return this.seen.has(plainNumber(phoneNumber)) || (id !== undefined && this.seen.has(`id:${id}`));
  }

  cutBehind(end) {
    if (end - this.chunkFrom < CHUNK_BYTES) return;
    this.result.chunks.push({from: this.chunkFrom, to: end});
    this.chunkFrom = end;
  }

  addFault(fault) {
    if (this.result.faults.length < FAULTS_MOST) this.result.faults.push(fault);
  }

  async sendPiece() {
    const {result} = this;
    const {contacts, places} = this.pieces.shift();
    if (!contacts.length) return;
    const answer = await write('POST', `/api/v1/batch${query({dryRun: true})}`, {...this.request, contacts});
    result.pieces += 1;
    for (const name of ['accepted', 'rejected', 'duplicates', 'suppressed']) result[name] += answer[name];
    result.earliestStart ||= answer.earliestStart;
    result.earliestEnd = answer.earliestEnd;
    result.expiresBefore ||= answer.expiresBefore;
    answer.errors.forEach((error) => this.addFault(faultOf(error, contacts, places)));
    answer.warnings
      .filter(({code}) => code === 'DUPLICATE')
      .forEach((warning) => this.addFault(faultOf(warning, contacts, places)));
    result.warnings.push(
      ...answer.warnings.filter(({code, path}) => code !== 'DUPLICATE' && !/^contacts\[/.test(path) && result.pieces === 1),
    );
  }

  end() {
    if (!this.columns) throw new Error('There is no header in this file.');
    if (!this.rows) throw new Error('There is no contact in this file.');
    if (this.size > this.chunkFrom) this.result.chunks.push({from: this.chunkFrom, to: this.size});
    this.result.faults.sort((a, b) => a.row - b.row);
    return {...this.result, headerEnd: this.headerEnd, rows: this.rows};
  }
}

/** What one dry run takes. */
class Piece {
  constructor() {
    Object.assign(this, {contacts: [], places: [], chars: 0});
  }

  isFull() {
    return this.contacts.length === PIECE_CONTACTS || this.chars >= PIECE_CHARS;
  }

  add(contact, row) {
    this.contacts.push(contact);
    this.places.push(row);
    this.chars += JSON.stringify(contact).length;
  }
}

/** As the producer compares numbers: without what people put between digits. */
function plainNumber(text) {
  return text?.replace(/[ .()-]/g, '');
}

/** A fault that names its contact by its place, with the row of the file instead. */
function faultOf({path, code, message}, contacts, places) {
  const found = path.match(/^contacts\[(\d+)\](?:\.(.*))?$/);
  if (!found) return {row: 0, field: path, value: null, code, message};
  const index = Number(found[1]);
  const field = found[2] || null;
  return {row: places[index], field, value: field ? (contacts[index]?.[field] ?? '') : null, code, message};
}
