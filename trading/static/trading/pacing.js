// Do something when it is asked for, and not too often.

/**
 * Return a function that calls `action` now, or when `every` milliseconds are over since the last time: however often
 * it is called meanwhile, once more. Its `rest(ms)` has the next call wait so long, and be made.
 */
export function paced(every, action) {
  let timer = null;
  let free = 0;
  const run = () => {
    timer = null;
    free = performance.now() + every;
    action();
  };
  const asked = () => {
    timer ??= setTimeout(run, Math.max(0, free - performance.now()));
  };
  asked.rest = (ms) => {
    clearTimeout(timer);
    timer = setTimeout(run, ms);
  };
  return asked;
}
