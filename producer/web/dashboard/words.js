// SPDX-License-Identifier: Apache-2.0
// What the API's words are called on the page, and the colour that each has.

/** States of a batch: [tone, what it means]. */
const STATES = {
  draft: ['idle', 'being filled; nothing is dialed before it is started'],
  scheduled: ['info', 'waits for its start'],
  pending: ['info', 'started, no call begun yet'],
  processing: ['good', 'calls are being placed'],
  paused: ['warn', 'no new call begins'],
  cancelling: ['warn', 'calls on the line come to their end'],
  completed: ['idle', 'every contact has its outcome'],
  cancelled: ['idle', 'ended before all were called'],
  failed: ['bad', 'it could not go on'],
};
export const BATCH_STATES = Object.keys(STATES);
export const ENDED = ['completed', 'cancelled', 'failed'];

export function stateTone(state) {
  return STATES[state]?.[0] || 'idle';
}

export function stateMeaning(state) {
  return STATES[state]?.[1] || '';
}

const OUTCOME_NAMES = {
  COMPLETED: 'Completed',
  BUSY: 'Busy',
  NO_ANSWER: 'No answer',
  VOICEMAIL: 'Voicemail',
  FAILED: 'Failed',
  UNKNOWN: 'Unknown',
  INVALID_NUMBER: 'Invalid number',
  BLOCKED: 'Blocked',
  REJECTED: 'Rejected',
  SUPPRESSED: 'Suppressed',
  EXPIRED: 'Expired',
  CANCELLED: 'Cancelled',
};
export const OUTCOMES = Object.keys(OUTCOME_NAMES);
/** What a redial calls again where nothing else is said. */
export const REDIALED = ['BUSY', 'NO_ANSWER', 'VOICEMAIL', 'FAILED', 'UNKNOWN', 'BLOCKED', 'REJECTED'];

export function outcomeName(outcome) {
  return OUTCOME_NAMES[outcome] || outcome;
}

export function outcomeColour(outcome) {
  return `var(--outcome-${outcome.toLowerCase().replaceAll('_', '-')})`;
}

const CALL_STATES = {
  SCHEDULED: ['idle', 'Waiting'],
  ONGOING: ['info', 'On the line'],
  COMPLETED: ['good', 'Completed'],
  MISSED: ['warn', 'Missed'],
  FAILED: ['bad', 'Failed'],
};
export const CALL_STATUSES = Object.keys(CALL_STATES);

export function callTone(status) {
  return CALL_STATES[status]?.[0] || 'idle';
}

export function callName(status) {
  return CALL_STATES[status]?.[1] || status;
}

/** What followed a result of a dial. */
export const FOLLOWED = {
  ended: 'The call is over; its summary may still come.',
  retry: 'Another attempt follows.',
  final: 'That is the contact’s outcome.',
  settled: 'A late truth took the place of “unknown”.',
  stale: 'It came after a newer dial had begun, and changed nothing.',
  given_back: 'The call was never placed, and no attempt was charged.',
};
export const SOURCES = {
  callback: 'the platform called back',
  lookup: 'the platform was asked',
  answer: 'the platform answered at once',
  deadline: 'nobody said anything by the deadline',
};
export const VERDICTS = {
  THROTTLED: 'the platform was asked for too much',
  NOT_SENT: 'nothing was sent',
  ACCOUNT: 'the platform refused the trunk’s account',
  ABSENT: 'the platform does not know the call',
};

/** "processing" as a label: "Processing". */
export function label(word) {
  const text = String(word).replaceAll('_', ' ').toLowerCase();
  return text.charAt(0).toUpperCase() + text.slice(1);
}

/** With a capital letter: messages about a field begin as if its name stood before them. */
export function sentence(text) {
  return text.charAt(0).toUpperCase() + text.slice(1);
}
