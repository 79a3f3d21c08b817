// SPDX-License-Identifier: Apache-2.0
// Time in a view: everything ends with the view's signal.

/** Resolves after so long, or rejects with AbortError when the signal comes. */
export function sleep(ms, signal) {
  return new Promise((resolve, reject) => {
    if (signal?.aborted) return reject(aborted());
    const timer = setTimeout(done, ms);
    signal?.addEventListener('abort', stopped, {once: true});
    function done() {
      signal?.removeEventListener('abort', stopped);
      resolve();
    }
    function stopped() {
      clearTimeout(timer);
      reject(aborted());
    }
    return undefined;
  });
}

function aborted() {
  return new DOMException('The view was left.', 'AbortError');
}

/** Runs `task` now and again `ms` after each of its ends, while the page is seen. What it throws goes to `onError`. */
export async function repeat(ms, signal, task, onError) {
  while (!signal.aborted) {
    try {
      if (!document.hidden) await task();
      await sleep(ms, signal);
    } catch (error) {
      if (signal.aborted) return;
      onError(error);
      await sleep(ms, signal).catch(() => {});
    }
  }
}

/** `run` for each item, so many at a time; resolves when all are done. */
export async function eachOf(items, atOnce, run) {
  const left = [...items];
  const line = async () => {
    while (left.length) await run(left.shift());
  };
  await Promise.all(Array.from({length: Math.min(atOnce, items.length)}, line));
}
