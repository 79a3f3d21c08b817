// SPDX-License-Identifier: Apache-2.0
// Saving what a form changes of something that is there already.

import {fill} from './dom.js';
import {tell} from './notice.js';
import {faultBox} from './parts.js';

/** For a form's submit. `changed()` is what there is to send, undefined for nothing; `send(change)` sends it and shows what came
 * of it. What is wrong stands at its field, or in `problems`. `save`: the button, which rests meanwhile. */
export function saving(form, {save, problems, changed, send}) {
  return async (event) => {
    event.preventDefault();
    form.clear();
    fill(problems);
    const change = changed();
    if (!change) {
      tell('Nothing was changed.');
      return;
    }
    save.disabled = true;
    try {
      await send(change);
    } catch (error) {
      if (!form.showFaults(error.faults ?? [])) fill(problems, faultBox(error));
      save.disabled = false;
    }
  };
}
