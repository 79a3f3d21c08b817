// SPDX-License-Identifier: Apache-2.0
// Which column of a file holds what, and the contact that a row makes: as the producer reads them (common/domain/contact_csv.h).

const KNOWN = {
  phoneNumber: 'phoneNumber',
  contact_number: 'phoneNumber',
  id: 'id',
  name: 'name',
  email: 'email',
  company: 'company',
  timezone: 'timezone',
};
const NAMES = {phoneNumber: 'Phone number', id: 'Id', name: 'Name', email: 'E-mail', company: 'Company', timezone: 'Time zone'};

function trimmed(text) {
  return text.replace(/^[ \t]+|[ \t]+$/g, '');
}

/** What the columns of a header hold: [{name, field}], `field` null for metadata, '' without a name. Throws what is wrong. */
export function columnsOf(header) {
  const columns = header.map((text) => {
    const name = trimmed(text);
    return {name, field: name === '' ? '' : (KNOWN[name] ?? null)};
  });
  const twice = columns.find(({name}, i) => name && columns.findIndex((other) => other.name === name) !== i);
  if (twice) throw new Error(`Two columns are called “${twice.name}”.`);
  const numbers = columns.filter(({field}) => field === 'phoneNumber').length;
  if (numbers === 0)
    throw new Error(
      'No column is called phoneNumber or contact_number: the first line must name the columns, with commas between them.',
    );
  if (numbers === 2)
    throw new Error('One column is called phoneNumber and another contact_number: there must be one of the two.');
  return columns;
}

/** What people call what a column holds. */
export function columnMeaning({name, field}) {
  if (field === '') return 'left out: no name';
  return field ? NAMES[field] : `metadata “${name}”`;
}

export function contactOf(columns, fields) {
  const contact = {};
  const metadata = {};
  columns.forEach(({name, field}, i) => {
    if (field === null) metadata[name] = fields[i];
    else if (field && trimmed(fields[i]) !== '') contact[field] = trimmed(fields[i]);
  });
  if (Object.keys(metadata).length) contact.metadata = metadata;
  return contact;
}
