// The plots of the performance page: equity and drawdown by day, in the page's colours. The figures are in words too.

/* global LightweightCharts */
const points = JSON.parse(document.getElementById("plot").textContent);
const dollars = new Intl.NumberFormat(document.documentElement.lang, {
  minimumFractionDigits: 2,
  maximumFractionDigits: 2,
});
const colour = (name) => getComputedStyle(document.documentElement).getPropertyValue(name).trim();

const plots = [
  {
    place: document.getElementById("equity-plot"),
    data: points.map(({ at, equity }) => ({ time: Number(at), value: Number(equity) })),
    add: (chart) =>
      chart.addAreaSeries({
        priceLineVisible: false,
        lineWidth: 2,
        priceFormat: { type: "custom", formatter: (value) => dollars.format(value), minMove: 0.01 },
      }),
    paint: () => ({ lineColor: colour("--accent"), topColor: faded("--accent"), bottomColor: faded("--accent", "00") }),
  },
  {
    place: document.getElementById("drawdown-plot"),
    data: points.filter(({ below }) => below !== null).map(({ at, below }) => ({ time: Number(at), value: Number(below) })),
    add: (chart) =>
      chart.addAreaSeries({
        priceLineVisible: false,
        lineWidth: 2,
        priceFormat: { type: "custom", formatter: (value) => `${value.toFixed(2)} %`, minMove: 0.01 },
      }),
    paint: () => ({ lineColor: colour("--down"), topColor: faded("--down", "00"), bottomColor: faded("--down") }),
  },
].map(draw);

/** A colour of ours, mostly see-through. */
function faded(name, share = "33") {
  return `${colour(name)}${share}`;
}

function frame() {
  return {
    layout: {
      background: { color: "transparent" },
      textColor: colour("--text-soft"),
      fontFamily: getComputedStyle(document.body).fontFamily,
    },
    grid: { vertLines: { visible: false }, horzLines: { color: colour("--line") } },
    rightPriceScale: { borderVisible: false, minimumWidth: 76 },
    timeScale: { borderColor: colour("--line"), fixLeftEdge: true, fixRightEdge: true },
    localization: { locale: document.documentElement.lang },
  };
}

function draw({ place, data, add, paint }) {
  const chart = LightweightCharts.createChart(place, {
    ...frame(),
    autoSize: true,
    handleScroll: false, // the page scrolls, also over a plot
    handleScale: false,
  });
  const series = add(chart);
  series.applyOptions(paint());
  series.setData(data);
  chart.timeScale().fitContent();
  return { chart, series, paint };
}

matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => {
  for (const { chart, series, paint } of plots) {
    chart.applyOptions(frame());
    series.applyOptions(paint());
  }
});
addEventListener("resize", () => {
  for (const { chart } of plots) {
    chart.timeScale().fitContent();
  }
});
