// SPDX-License-Identifier: Apache-2.0
// A new campaign: its options, its file, what would become of them, and only then its calls.

import {FileChoice} from './create_file.js';
import {checkedReport} from './create_parts.js';
import {el, fill, setText} from './dom.js';
import {checkFile} from './file_check.js';
import {Form, textInput, textOf} from './form.js';
import {count, many} from './format.js';
import {announce, tell} from './notice.js';
import {optionsForm} from './options_form.js';
import {faultBox, pageHead} from './parts.js';
import {href, navigate} from './router.js';
import {Upload} from './upload.js';

export function view({signal}) {
  return el(
    'div',
    el('p.crumb', el('a', {href: href('/batches')}, 'Campaigns'), ' /'),
    pageHead('New campaign', 'It is checked first. Nobody is called before you say so.'),
    new NewCampaign(signal).node,
  );
}

class NewCampaign {
  constructor(signal) {
    this.signal = signal;
    this.checked = null; // what checkFile() said of exactly what stands in the form
    this.upload = null;
    this.form = new Form();
    this.agent = textInput('', {required: true, placeholder: 'agent_123'});
    this.options = optionsForm(this.form);
    this.file = new FileChoice(this.form, () => this.forget());
    this.outcome = el('div', {'aria-live': 'polite'});
    this.bar = el('progress.upload-bar', {max: 1, value: 0, 'aria-label': 'Progress', hidden: true});
    this.words = el('p.small.faint');
    this.check = el('button.primary', {type: 'submit'}, 'Check it');
    this.start = el('button.primary', {type: 'button', hidden: true, on: {click: () => this.submit(true)}}, 'Start calling');
    this.draft = el('button', {type: 'button', hidden: true, on: {click: () => this.submit(false)}}, 'Keep as a draft');
    this.node = this.page();
  }

  page() {
    const submit = (event) => {
      event.preventDefault();
      this.tryIt();
    };
    const input = (event) => event.target.type !== 'file' && this.forget();
    const agent = this.form.field('agentId', 'Agent', this.agent, {note: 'Who speaks: the platform’s id of the agent.'});
    return el(
      'form',
      {novalidate: true, on: {submit, input}},
      el('section.card', el('h2', 'Contacts'), el('div.form-grid', agent), this.file.node),
      this.options.node,
      this.outcome,
      this.bar,
      el('div.actions.submit-row', this.start, this.draft, this.check, this.words),
    );
  }

  /** What was checked is not what stands there any more. */
  forget() {
    this.checked = null;
    this.upload = null;
    this.start.hidden = true;
    this.draft.hidden = true;
    this.bar.hidden = true;
    this.check.classList.add('primary');
    setText(this.words, '');
    fill(this.outcome);
  }

  request() {
    return {agentId: textOf(this.agent) ?? '', options: this.options.read()};
  }

  say(share, words) {
    this.bar.hidden = false;
    this.bar.value = share;
    setText(this.words, words);
  }

  /** Runs a step with the buttons off, and shows its failure at the fields that it is about. */
  async step(run) {
    const buttons = [this.check, this.start, this.draft];
    buttons.forEach((button) => (button.disabled = true));
    try {
      await run();
    } catch (error) {
      if (!this.signal.aborted) this.fail(error);
    } finally {
      buttons.forEach((button) => (button.disabled = false));
    }
  }

  fail(error) {
    const isKept = Boolean(this.upload?.batchId);
    this.form.showFaults(error.faults ?? []);
    fill(this.outcome, faultBox(error), isKept && this.discardButton());
    setText(this.words, isKept ? 'What was sent is kept. The same button goes on.' : '');
  }

  /** The dry run. */
  tryIt() {
    return this.step(async () => {
      this.forget();
      this.form.clear();
      const file = this.file.chosen;
      if (!file) return this.form.showFaults([{path: 'file', message: 'Choose a file with the contacts.'}]);
      const request = this.request();
      const onProgress = (share) => this.say(share, `Checking: ${Math.round(100 * share)} %`);
      this.checked = {...(await checkFile(file, request, {signal: this.signal, onProgress})), request};
      return this.showChecked();
    });
  }

  showChecked() {
    const {accepted, rejected, duplicates} = this.checked;
    this.bar.hidden = true;
    this.start.hidden = this.draft.hidden = accepted === 0;
    this.check.classList.toggle('primary', accepted === 0);
    setText(this.start, `Start calling ${many(accepted, 'contact')}`);
    setText(this.words, 'Nothing was kept, and nobody was called.');
    fill(this.outcome, checkedReport(this.checked));
    announce(
      `Checked: ${many(accepted, 'contact')} would be taken, ${count(rejected)} refused, ${count(duplicates)} left out.`,
    );
    this.outcome.scrollIntoView({block: 'nearest'});
  }

  submit(isStarted) {
    return this.step(async () => {
      const {file, checked, signal} = this;
      const onProgress = (share, words) => this.say(share, words);
      this.upload ||= new Upload(file.chosen, checked.request, checked, {signal, onProgress});
      const batchId = await this.upload.run({isStarted});
      const left = this.upload.rejected + this.upload.duplicates;
      const leftOut = left ? ` ${many(left, 'row was', 'rows were')} not taken.` : '';
      tell(`The campaign ${isStarted ? 'was started' : 'is a draft'}.${leftOut}`);
      navigate(href(`/batches/${batchId}`));
    });
  }

  discardButton() {
    const discard = async () => {
      await this.upload.discard();
      this.forget();
      tell('The draft was given up.');
    };
    return el('button', {type: 'button', on: {click: () => this.step(discard)}}, 'Give the draft up');
  }
}
