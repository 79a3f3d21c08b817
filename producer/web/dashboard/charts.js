// SPDX-License-Identifier: Apache-2.0
// Charts by Chart.js (Debian's libjs-chart.js, the global `Chart`), in the colours of the page.

import {el, setText} from './dom.js';
import {count, instant, timeOfDay} from './format.js';
import {OUTCOMES, outcomeColour, outcomeName} from './words.js';

const TICK_PX = 85; // that a time takes, and some room

/** What a custom property of the page says now; "var(--x)" and "--x" alike. */
function colour(name) {
  return getComputedStyle(document.documentElement)
    .getPropertyValue(name.replace(/^var\((.*)\)$/, '$1'))
    .trim();
}

/**
 * A chart in a frame: {node, show(data, summary)}. `configure` gives Chart.js's configuration from data and how many times have
 * room below; `summary` is what the chart says, for who cannot see it. It ends with the signal, and is painted anew when the theme
 * changes.
 */
function framed(configure, signal) {
  const canvas = el('canvas', {role: 'img'});
  const said = el('p.small.faint.chart-says');
  const node = el('figure.chart', el('div.chart-frame', canvas), el('figcaption', said));
  let chart = null;
  let last = null;

  function paint() {
    if (!last || signal.aborted || !canvas.isConnected) return;
    const config = configure(last, Math.max(2, Math.floor(canvas.parentNode.clientWidth / TICK_PX)));
    if (!chart) {
      chart = new window.Chart(canvas, config);
      return;
    }
    chart.data = config.data;
    chart.options = config.options;
    chart.update('none');
  }
  const anew = () => {
    chart?.destroy();
    chart = null;
    paint();
  };
  window.addEventListener('theme', anew, {signal});
  matchMedia('(prefers-color-scheme: dark)').addEventListener('change', anew, {signal});
  signal.addEventListener('abort', () => chart?.destroy(), {once: true});
  return {
    node,
    show(data, summary) {
      last = data;
      setText(said, summary);
      canvas.setAttribute('aria-label', summary);
      if (canvas.isConnected) paint();
      else requestAnimationFrame(paint);
    },
  };
}

function timeTicks(most) {
  return {color: colour('--faint'), maxTicksLimit: most, maxRotation: 0, font: {size: 11}};
}

function commonOptions(most, extra = {}) {
  const faint = colour('--faint');
  const grid = {color: colour('--line'), drawBorder: false};
  return {
    animation: false,
    responsive: true,
    maintainAspectRatio: false,
    interaction: {mode: 'index', intersect: false},
    plugins: {
      legend: {
        display: extra.legend !== false,
        position: 'bottom',
        align: 'start',
        labels: {color: faint, boxWidth: 10, boxHeight: 10, font: {size: 11}},
      },
      tooltip: {callbacks: extra.tooltip || {}},
    },
    scales: {
      x: {grid: {display: false}, ticks: timeTicks(most), ...extra.x},
      y: {
        beginAtZero: true,
        grid,
        ticks: {color: faint, maxTicksLimit: 5, precision: extra.precision, font: {size: 11}},
        ...extra.y,
      },
    },
  };
}

/** Calls begun a second against the limit. Data: {points: [[second, rate]], limit}. */
export function paceChart(signal) {
  return framed(({points, limit}, most) => {
    const data = points.map(([x, y]) => ({x, y}));
    const ends = [points[0]?.[0] ?? 0, points.at(-1)?.[0] ?? 1];
    const accent = colour('--accent');
    return {
      type: 'line',
      data: {
        datasets: [
          {
            label: 'Calls begun a second',
            data,
            borderColor: accent,
            backgroundColor: `${accent}22`,
            fill: true,
            borderWidth: 2,
            pointRadius: 0,
            tension: 0.2,
            spanGaps: false,
          },
          {
            label: 'Limit',
            data: ends.map((x) => ({x, y: limit})),
            borderColor: colour('--bad'),
            borderWidth: 1.5,
            borderDash: [5, 4],
            pointRadius: 0,
          },
        ],
      },
      options: commonOptions(most, {
        x: {
          type: 'linear',
          min: ends[0],
          max: Math.max(ends[1], ends[0] + 1),
          grid: {display: false},
          ticks: {...timeTicks(most), callback: (value) => timeOfDay(new Date(value * 1000))},
        },
        y: {suggestedMax: limit * 1.15},
        tooltip: {title: (items) => timeOfDay(new Date(items[0].parsed.x * 1000))},
      }),
    };
  }, signal);
}

/** How many contacts ended how, when. Data: {from, width, bins}. */
export function endingsChart(signal) {
  return framed(
    ({from, width, bins}, most) => ({
      type: 'bar',
      data: {
        labels: bins.map((_, i) => startOf(from + i * width, width)),
        datasets: OUTCOMES.filter((outcome) => bins.some((bin) => bin[outcome])).map((outcome) => ({
          label: outcomeName(outcome),
          data: bins.map((bin) => bin[outcome] || 0),
          backgroundColor: colour(outcomeColour(outcome)),
          barPercentage: 1,
          categoryPercentage: 0.9,
        })),
      },
      options: commonOptions(most, {x: {stacked: true}, y: {stacked: true}, precision: 0}),
    }),
    signal,
  );
}

/** Retries that wait, by when they are due. Data: an answer of the retries route. */
export function retriesChart(signal) {
  return framed(
    ({asOf, stepMs, counts, due}, most) => ({
      type: 'bar',
      data: {
        labels: ['now', ...counts.map((_, i) => instant(new Date(Date.parse(asOf) + (i + 1) * stepMs).toISOString()))],
        datasets: [
          {
            label: 'Retries due',
            data: [due, ...counts],
            backgroundColor: colour('--info'),
            barPercentage: 1,
            categoryPercentage: 0.9,
            maxBarThickness: 60,
          },
        ],
      },
      options: commonOptions(most, {legend: false, precision: 0, tooltip: {label: (item) => `${count(item.parsed.y)} due`}}),
    }),
    signal,
  );
}

function startOf(second, width) {
  return width >= 86400
    ? instant(new Date(second * 1000).toISOString())
    : timeOfDay(new Date(second * 1000)).slice(0, width < 60 ? 8 : 5);
}
