// SPDX-License-Identifier: Apache-2.0
// A new campaign: its options, its file, what would become of them, and only then its calls.

import {checkedReport, filePreview} from './create_parts.js';
import {el, fill, setText} from './dom.js';
import {checkFile, previewFile} from './file_check.js';
import {Form, textInput, textOf} from './form.js';
import {bytes, many} from './format.js';
import {announce, tell} from './notice.js';
import {optionsForm} from './options_form.js';
import {faultBox, pageHead} from './parts.js';
import {href, navigate} from './router.js';
import {Upload} from './upload.js';

export function view({signal}) {
  const form = new Form();
  const agent = textInput('', {required: true, placeholder: 'agent_123'});
  const options = optionsForm(form);
  const file = filePart(() => forget());
  const outcome = el('div', {'aria-live': 'polite'});
  const bar = el('progress.upload-bar', {max: 1, value: 0, 'aria-label': 'Progress', hidden: true});
  const words = el('p.small.faint');
  const check = el('button.primary', {type: 'submit'}, 'Check it');
  const start = el('button.primary', {type: 'button', hidden: true, on: {click: () => submit(true)}}, 'Start calling');
  const draft = el('button', {type: 'button', hidden: true, on: {click: () => submit(false)}}, 'Keep as a draft');
  const buttons = [check, start, draft];
  let checked = null; // what checkFile() said of exactly what stands in the form
  let upload = null;

  const request = () => ({agentId: textOf(agent) ?? '', options: options.read()});
  const say = (share, text) => {
    bar.hidden = false;
    bar.value = share;
    setText(words, text);
  };
  function forget() {
    checked = null;
    upload = null;
    start.hidden = true;
    draft.hidden = true;
    bar.hidden = true;
    check.classList.add('primary');
    setText(words, '');
    fill(outcome);
  }

  /** Runs one of the two steps with the buttons off, and shows its failure at the fields that it is about. */
  async function step(run) {
    buttons.forEach((button) => { button.disabled = true; });
    try {
      await run();
    } catch (error) {
      if (signal.aborted) return;
      form.showFaults(error.faults ?? []);
      fill(outcome, faultBox(error), upload?.batchId && discardButton());
      setText(words, upload?.batchId ? 'What was sent is kept. The same button goes on.' : '');
    } finally {
      buttons.forEach((button) => { button.disabled = false; });
    }
  }

  const tryIt = () => step(async () => {
    forget();
    form.clear();
    if (!file.chosen()) return form.showFaults([{path: 'file', message: 'Choose a file with the contacts.'}]);
    checked = await checkFile(file.chosen(), request(), {signal, onProgress: (share) => say(share, `Checking: ${Math.round(100 * share)} %`)});
    checked.request = request();
    bar.hidden = true;
    setText(words, 'Nothing was kept, and nobody was called.');
    fill(outcome, checkedReport(checked));
    start.hidden = draft.hidden = checked.accepted === 0;
    setText(start, `Start calling ${many(checked.accepted, 'contact')}`);
    if (checked.accepted) check.classList.remove('primary');
    announce(`Checked: ${many(checked.accepted, 'contact')} would be taken, ${checked.rejected} refused, ${checked.duplicates} duplicates left out.`);
    outcome.scrollIntoView({block: 'nearest'});
    return undefined;
  });

  const submit = (isStarted) => step(async () => {
    upload ||= new Upload(file.chosen(), checked.request, checked, {signal, onProgress: say});
    const batchId = await upload.run({isStarted});
    const left = upload.rejected + upload.duplicates;
    tell(`The campaign ${isStarted ? 'was started' : 'is a draft'}.${left ? ` ${many(left, 'row was', 'rows were')} not taken.` : ''}`);
    navigate(href(`/batches/${batchId}`));
  });

  function discardButton() {
    return el('button', {type: 'button', on: {click: () => step(async () => {
      await upload.discard();
      forget();
      tell('The draft was given up.');
    })}}, 'Give the draft up');
  }

  const whole = el('form', {novalidate: true, on: {submit: (event) => {
    event.preventDefault();
    tryIt();
  }, input: (event) => event.target.type !== 'file' && forget()}},
  el('section.card', el('h2', 'Contacts'), el('div.form-grid',
    form.field('agentId', 'Agent', agent, {note: 'Who speaks: the platform’s id of the agent.'})), file.node(form)),
  options.node, outcome, bar, el('div.actions.submit-row', start, draft, check, words));
  return el('div', el('p.crumb', el('a', {href: href('/batches')}, 'Campaigns'), ' /'),
    pageHead('New campaign', 'It is checked first. Nobody is called before you say so.'), whole);
}

/** The file: dropped or chosen, and shown as it will be read. */
function filePart(onChange) {
  const input = el('input.unseen', {type: 'file', accept: '.csv,text/csv,text/plain', id: 'contacts-file', on: {change: () => take(input.files[0])}});
  const name = el('p', 'Drop a CSV file here, or choose one');
  const preview = el('div');
  const zone = el('label.drop', {for: 'contacts-file', on: {dragover: over, dragleave: () => zone.classList.remove('over'), drop: dropped}},
    name, el('p.small.faint', 'The first line names the columns: phoneNumber, and id, name, email, company, timezone where there are; all others become metadata.'));
  let chosen = null;

  function over(event) {
    event.preventDefault();
    zone.classList.add('over');
  }
  function dropped(event) {
    event.preventDefault();
    zone.classList.remove('over');
    take(event.dataTransfer.files[0]);
  }
  async function take(file) {
    if (!file) return;
    chosen = null;
    onChange();
    setText(name, `${file.name}, ${bytes(file.size)}`);
    try {
      fill(preview, filePreview(await previewFile(file)));
      chosen = file;
    } catch (error) {
      fill(preview, faultBox({message: error.message}));
    }
  }
  return {
    chosen: () => chosen,
    node: (form) => el('div.gap-above', form.field('file', 'File', input), zone, preview),
  };
}
