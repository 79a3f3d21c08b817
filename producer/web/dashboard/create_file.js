// SPDX-License-Identifier: Apache-2.0
// The file of a new campaign: dropped or chosen, and shown as it will be read.

import {filePreview} from './create_parts.js';
import {el, fill, setText} from './dom.js';
import {previewFile} from './file_check.js';
import {bytes} from './format.js';
import {faultBox} from './parts.js';

const COLUMNS =
  'The first line names the columns: phoneNumber, and id, name, email, company, timezone where there are; ' +
  'all others become metadata.';

export class FileChoice {
  /** `onChange` is called when another file is chosen. */
  constructor(form, onChange) {
    this.chosen = null;
    this.onChange = onChange;
    this.name = el('p', 'Drop a CSV file here, or choose one');
    this.preview = el('div');
    const taken = () => this.take(input.files[0]);
    const input = el('input.unseen', {
      type: 'file',
      accept: '.csv,text/csv,text/plain',
      id: 'contacts-file',
      on: {change: taken},
    });
    this.zone = el('label.drop', {for: input.id}, this.name, el('p.small.faint', COLUMNS));
    this.takeDrops();
    this.node = el('div.gap-above', form.field('file', 'File', input), this.zone, this.preview);
  }

  takeDrops() {
    const mark = (isOver) => this.zone.classList.toggle('over', isOver);
    this.zone.addEventListener('dragover', (event) => {
      event.preventDefault();
      mark(true);
    });
    this.zone.addEventListener('dragleave', () => mark(false));
    this.zone.addEventListener('drop', (event) => {
      event.preventDefault();
      mark(false);
      this.take(event.dataTransfer.files[0]);
    });
  }

  /** It counts as chosen once its header makes sense. */
  async take(file) {
    if (!file) return;
    this.chosen = null;
    this.onChange();
    setText(this.name, `${file.name}, ${bytes(file.size)}`);
    try {
      fill(this.preview, filePreview(await previewFile(file)));
      this.chosen = file;
    } catch (error) {
      fill(this.preview, faultBox({message: error.message}));
    }
  }
}
