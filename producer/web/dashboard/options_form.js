// SPDX-License-Identifier: Apache-2.0
// The options of a campaign as a form: empty for a new one, or filled with those that one has.

import {el} from './dom.js';
import {listOf, numberInput, numberOf, selectInput, textInput, textOf, told} from './form.js';

const DAYS = [
  ['mon', 'Mon'],
  ['tue', 'Tue'],
  ['wed', 'Wed'],
  ['thu', 'Thu'],
  ['fri', 'Fri'],
  ['sat', 'Sat'],
  ['sun', 'Sun'],
];
const HOOKS = [
  ['onBatchComplete', 'When the campaign is complete'],
  ['onCallComplete', 'When a call has its outcome'],
  ['onCallAttempt', 'After each attempt'],
  ['onBatchFailed', 'When the campaign fails'],
  ['onEvent', 'Everything'],
];
const MINUTE_MS = 60000;

/** {node, read()}: `read` gives the options as the API takes them, without those left empty. `has`: what the campaign has. */
export function optionsForm(form, has = null) {
  const parts = [
    paceFields(form, has),
    timeFields(form, has),
    retryFields(form, has),
    hookFields(form, has),
    callFields(form, has),
  ];
  return {
    node: parts.map(({title, node, isOpen}) =>
      el('details.card.form-part', {open: isOpen}, el('summary', el('h2', title)), node),
    ),
    read: () => Object.assign({}, ...parts.map((part) => part.read())),
  };
}

function paceFields(form, has) {
  const rate = numberInput(has?.maxCallsPerSecond, {min: 1, max: 1000, placeholder: '10'});
  const concurrent = numberInput(has?.maxConcurrentCalls, {min: 1, max: 10000, placeholder: 'no limit of its own'});
  const priority = numberInput(has?.priority, {min: 1, max: 10, placeholder: '5'});
  const tags = textInput(has?.tags?.join(', '), {placeholder: 'Q4_2026, renewals'});
  const trunk = has ? null : textInput('', {placeholder: 'the tenant’s first'});
  return {
    title: 'Pace and place',
    isOpen: true,
    node: el(
      'div.form-grid',
      form.field('options.maxCallsPerSecond', 'Calls a second', rate, {note: 'No second ever has more.'}),
      form.field('options.maxConcurrentCalls', 'Calls at a time', concurrent),
      form.field('options.priority', 'Priority', priority, {note: '1 to 10; the higher goes first.'}),
      trunk && form.field('options.trunk', 'Trunk', trunk),
      form.field('options.tags', 'Tags', tags, {note: 'With commas between them.'}),
    ),
    read: () =>
      told({
        maxCallsPerSecond: numberOf(rate),
        maxConcurrentCalls: numberOf(concurrent),
        priority: numberOf(priority),
        trunk: trunk ? textOf(trunk) : undefined,
        tags: listOf(tags),
      }) || {},
  };
}

function timeFields(form, has) {
  const zone = textInput(has?.timezone ?? Intl.DateTimeFormat().resolvedOptions().timeZone, {list: 'time-zones'});
  const start = instantField(has?.scheduledStartTime, !has);
  const expires = instantField(has?.expiresAt, !has);
  const window = windowFields(form, has?.callingWindow);
  const clock = has ? 'By your clock.' : 'By clocks in the time zone.';
  return {
    title: 'Times',
    isOpen: true,
    node: [
      el(
        'datalist',
        {id: 'time-zones'},
        Intl.supportedValuesOf('timeZone').map((name) => el('option', {value: name})),
      ),
      el(
        'div.form-grid',
        form.field('options.timezone', 'Time zone', zone, {note: 'Of the times below.'}),
        form.field('options.scheduledStartTime', 'Start', start.input, {note: `${clock} Empty: at once.`}),
        form.field('options.expiresAt', 'Nothing begins after', expires.input, {
          note: `${clock} Empty: 30 days after the start.`,
        }),
      ),
      window.node,
    ],
    read: () =>
      told({
        timezone: textOf(zone),
        scheduledStartTime: start.read(),
        expiresAt: expires.read(),
        callingWindow: window.read(),
      }) || {},
  };
}

/** Wall time in the campaign's zone for a new one; the instants of one that is there are told by the reader's clock. */
function instantField(iso, isWallTime) {
  const shown = iso ? localText(new Date(iso)) : '';
  const input = el('input', {type: 'datetime-local', value: shown});
  return {
    input,
    read() {
      if (!input.value) return undefined;
      if (isWallTime) return `${input.value}:00`;
      return input.value === shown ? iso : new Date(input.value).toISOString();
    },
  };
}

function localText(date) {
  return new Date(date.getTime() - date.getTimezoneOffset() * MINUTE_MS).toISOString().slice(0, 16);
}

function windowFields(form, has) {
  const isOn = el('input', {type: 'checkbox', checked: Boolean(has)});
  const start = el('input', {type: 'time', value: has?.start ?? '09:00'});
  const end = el('input', {type: 'time', value: has?.end === '24:00' ? '00:00' : (has?.end ?? '17:30')});
  const chosen = has?.days ?? ['mon', 'tue', 'wed', 'thu', 'fri'];
  const days = DAYS.map(([key]) => el('input', {type: 'checkbox', value: key, checked: chosen.includes(key)}));
  const closed = textInput(has?.closedDates?.join(', '), {placeholder: '2026-12-24, 2026-12-25'});
  const fields = el(
    'div.form-grid.gap-above',
    {hidden: !has},
    form.field('options.callingWindow.start', 'From', start),
    form.field('options.callingWindow.end', 'Until', end),
    el(
      'fieldset.wide',
      el('legend.label', 'Opens on'),
      el(
        'div.days',
        DAYS.map(([, name], i) => el('label.check', days[i], name)),
      ),
    ),
    form.field('options.callingWindow.closedDates', 'Closed on', closed, {note: 'Dates with commas between them.', wide: true}),
  );
  isOn.addEventListener('change', () => {
    fields.hidden = !isOn.checked;
  });
  return {
    node: el('div.gap-above', el('label.check', isOn, 'Call at certain hours only'), fields),
    read: () =>
      isOn.checked
        ? told({
            start: start.value,
            end: end.value === '00:00' ? '24:00' : end.value,
            days: days.filter((day) => day.checked).map((day) => day.value),
            closedDates: listOf(closed),
            timezone: has?.timezone,
          })
        : undefined,
  };
}

function retryFields(form, has) {
  const rules = has?.retryStrategy;
  const attempts = numberInput(rules?.maxAttempts, {min: 1, max: 5, placeholder: '3'});
  const minutes = (ms, placeholder) => numberInput(ms === undefined ? '' : ms / MINUTE_MS, {min: 0, step: 'any', placeholder});
  const noAnswer = minutes(rules?.noAnswerDelay, '60');
  const busy = minutes(rules?.busyDelay, '5');
  const failed = minutes(rules?.failedDelay, 'as after no answer');
  const voicemail = minutes(rules?.voicemailDelay, 'no retry');
  const unknown = selectInput(
    [
      ['retry', 'Try again'],
      ['hold', 'End as unknown'],
    ],
    has?.onUnknown ?? 'retry',
  );
  const ms = (input) => (input.value === '' ? undefined : Math.round(Number(input.value) * MINUTE_MS));
  return {
    title: 'Retries',
    isOpen: !has,
    node: el(
      'div.form-grid',
      form.field('options.retryStrategy.maxAttempts', 'Attempts', attempts, {note: 'All together, 1 to 5.'}),
      form.field('options.retryStrategy.noAnswerDelay', 'After no answer, minutes', noAnswer),
      form.field('options.retryStrategy.busyDelay', 'After busy, minutes', busy),
      form.field('options.retryStrategy.failedDelay', 'After a failure, minutes', failed),
      form.field('options.retryStrategy.voicemailDelay', 'After voicemail, minutes', voicemail),
      form.field('options.onUnknown', 'Where nobody knows how it ended', unknown),
    ),
    read: () =>
      told({
        retryStrategy: told({
          maxAttempts: numberOf(attempts),
          noAnswerDelay: ms(noAnswer),
          busyDelay: ms(busy),
          failedDelay: ms(failed),
          voicemailDelay: ms(voicemail),
        }),
        onUnknown: has || unknown.value !== 'retry' ? unknown.value : undefined,
      }) || {},
  };
}

function hookFields(form, has) {
  const inputs = HOOKS.map(([name]) =>
    el('input', {type: 'url', autocomplete: 'off', maxlength: 2048, value: has?.webhooks?.[name] ?? ''}),
  );
  return {
    title: 'Webhooks',
    isOpen: false,
    node: el(
      'div.form-grid',
      HOOKS.map(([name, title], i) => form.field(`options.webhooks.${name}`, title, inputs[i], {wide: true})),
    ),
    read: () => told({webhooks: told(Object.fromEntries(HOOKS.map(([name], i) => [name, textOf(inputs[i])])))}) || {},
  };
}

function callFields(form, has) {
  const ring = numberInput(has?.ringTimeout, {min: 5, max: 120, placeholder: '30'});
  const talk = numberInput(has?.maxCallDuration, {min: 10, max: 14400, placeholder: '1800'});
  const summary = numberInput(has?.summaryWait, {min: 0, max: 600, placeholder: '120'});
  const callers = textInput(has?.callerIds?.join(', '), {placeholder: 'the trunk’s'});
  return {
    title: 'Each call',
    isOpen: false,
    node: el(
      'div.form-grid',
      form.field('options.ringTimeout', 'Rings for, seconds', ring),
      form.field('options.maxCallDuration', 'Talks for at most, seconds', talk),
      form.field('options.summaryWait', 'Waits for its summary, seconds', summary),
      form.field('options.callerIds', 'Called from', callers, {note: 'Numbers of the trunk, with commas between them.'}),
    ),
    read: () =>
      told({
        ringTimeout: numberOf(ring),
        maxCallDuration: numberOf(talk),
        summaryWait: numberOf(summary),
        callerIds: listOf(callers),
      }) || {},
  };
}

/** What must be sent so that `before` becomes `after`: what differs, null for what is gone; undefined: nothing. */
export function changeOf(before, after) {
  const change = {};
  for (const name of new Set([...Object.keys(before), ...Object.keys(after)])) {
    const [was, is] = [before[name], after[name]];
    if (JSON.stringify(was) === JSON.stringify(is)) continue;
    if (['retryStrategy', 'webhooks'].includes(name)) change[name] = changeOf(was ?? {}, is ?? {});
    else change[name] = is ?? (['tags', 'callerIds'].includes(name) ? [] : null);
  }
  return Object.keys(change).length ? change : undefined;
}
