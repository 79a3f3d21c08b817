// SPDX-License-Identifier: Apache-2.0
// A CSV reader that sees rows where the producer's sees them (common/domain/csv.h): CRLF, LF or CR, a byte order mark, quoted
// fields with commas, doubled quotes and line ends inside. Rows are found in bytes, so that a file can be cut between them.

const COMMA = 0x2c;
const QUOTE = 0x22;
const CR = 0x0d;
const LF = 0x0a;
const FIELD_BYTES_MOST = 16384;
const ROW_BYTES_MOST = 65536;
const FIELDS_MOST = 256;

const START = 0; // nothing of the row was read
const FIELD = 1; // behind a comma
const PLAIN = 2;
const QUOTED = 3;
const CLOSED = 4; // a quote inside quotes: the end of the field, or the first of two
const SKIPPED = 5; // the row is over a bound: the rest of the line is dropped

const DETAILS = {
  FIELD_TOO_LONG: 'has a field of more than 16,384 bytes',
  ROW_TOO_LONG: 'has more than 65,536 bytes',
  TOO_MANY_FIELDS: 'has more than 256 fields',
  MISPLACED_QUOTE: 'has text behind a closing quote',
  OPEN_QUOTE: 'has a quote that is never closed',
  NUL_BYTE: 'has a NUL byte',
  INVALID_UTF8: 'is not valid UTF-8',
};

export class CsvReader {
  /**
   * `onHeader(fields)`: the first row that is not empty. `onRow(fields, row, end)`: `row` as a spreadsheet counts, `end`: the byte
   * of the file behind it. `onFault({row, code, detail}, end)`: a row that is left out; of the header itself it is thrown.
   */
  constructor({onHeader, onRow, onFault}) {
    Object.assign(this, {onHeader, onRow, onFault});
    this.utf8 = new TextDecoder('utf-8', {fatal: true, ignoreBOM: true});
    this.state = START;
    this.row = 1;
    this.read = 0; // bytes of the file behind which the next one stands
    this.isAfterCr = false;
    this.columns = 0;
    this.text = new Uint8Array(ROW_BYTES_MOST + 1); // of the row's fields, one behind the other
    this.forget();
  }

  forget() {
    this.length = 0;
    this.starts = [];
    this.fault = '';
    this.state = START;
  }

  /** Takes the next bytes of the file. */
  feed(bytes) {
    for (let i = 0; i < bytes.length; i += 1) {
      const byte = bytes[i];
      this.read += 1;
      if (this.read <= 3 && this.isMark(byte)) continue;
      if (byte === LF || byte === CR) this.takeLineEnd(byte);
      else {
        this.isAfterCr = false;
        this.takeByte(byte);
      }
    }
  }

  /** The byte order mark at the very start; a file in UTF-8 begins with these bytes for no other reason. */
  isMark(byte) {
    return this.length === 0 && this.starts.length === 0 && byte === [0xef, 0xbb, 0xbf][this.read - 1];
  }

  finish() {
    if (this.state === QUOTED) this.markBad('OPEN_QUOTE');
    if (this.state === FIELD) this.starts.push(this.length);
    if (this.state !== START) this.endRow();
  }

  takeByte(byte) {
    if (this.state === SKIPPED) return;
    if (this.state === START || this.state === FIELD) {
      if (this.starts.length === FIELDS_MOST) return this.skip('TOO_MANY_FIELDS');
      this.starts.push(this.length);
      this.state = byte === QUOTE ? QUOTED : PLAIN;
      if (byte === QUOTE) return;
    } else if (this.state === QUOTED) {
      if (byte === QUOTE) this.state = CLOSED;
      else this.addByte(byte);
      return;
    } else if (this.state === CLOSED) {
      if (byte === QUOTE) {
        this.state = QUOTED;
        return this.addByte(byte);
      }
      if (byte !== COMMA) {
        this.markBad('MISPLACED_QUOTE');
        this.state = PLAIN;
      }
    }
    if (byte === COMMA) this.state = FIELD;
    else this.addByte(byte);
  }

  addByte(byte) {
    if (byte === 0) this.markBad('NUL_BYTE');
    if (this.length - this.starts[this.starts.length - 1] === FIELD_BYTES_MOST) return this.skip('FIELD_TOO_LONG');
    if (this.length === ROW_BYTES_MOST) return this.skip('ROW_TOO_LONG');
    this.text[this.length] = byte;
    this.length += 1;
  }

  skip(fault) {
    this.markBad(fault);
    this.state = SKIPPED;
  }

  markBad(fault) {
    this.fault ||= fault;
  }

  takeLineEnd(byte) {
    const isSecond = byte === LF && this.isAfterCr;
    this.isAfterCr = byte === CR;
    if (this.state === QUOTED) {
      this.addByte(byte);
      if (this.state === QUOTED) return;
    } else if (isSecond) {
      return;
    } else if (this.state === FIELD) {
      this.starts.push(this.length);
    }
    this.endRow();
  }

  endRow() {
    const {row, state} = this;
    this.row += 1;
    if (state !== START) this.handOut(row);
    this.forget();
  }

  handOut(row) {
    const fields = this.fault ? [] : this.cutFields();
    if (this.fault) return this.tellFault(row, this.fault, DETAILS[this.fault]);
    if (!this.columns) {
      this.columns = fields.length;
      return this.onHeader(fields, this.read);
    }
    if (fields.length !== this.columns) {
      const has = `has ${fields.length} field${fields.length === 1 ? '' : 's'} where the header has ${this.columns}`;
      return this.tellFault(row, 'WRONG_FIELD_COUNT', has);
    }
    return this.onRow(fields, row, this.read);
  }

  cutFields() {
    try {
      return this.starts.map((start, i) => this.utf8.decode(this.text.subarray(start, this.starts[i + 1] ?? this.length)));
    } catch {
      this.markBad('INVALID_UTF8');
      return [];
    }
  }

  tellFault(row, code, detail) {
    if (!this.columns) throw new Error(`The header (row ${row}) ${detail}.`);
    this.onFault({row, code, detail}, this.read);
  }
}
