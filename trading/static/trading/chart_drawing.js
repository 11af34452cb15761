// What draws: TradingView's Lightweight Charts, in the page's own colours, anew when the scheme changes.

/* global LightweightCharts */

const SCHEME = matchMedia("(prefers-color-scheme: dark)");

function colours() {
  const style = getComputedStyle(document.documentElement);
  const of = (name) => style.getPropertyValue(`--${name}`).trim();
  return { ground: of("surface"), text: of("text-soft"), line: of("line"), up: of("up"), down: of("down"), ink: of("paper") };
}

/** Draw into `place`; returns what changes the picture. */
export function drawn(place) {
  const picture = LightweightCharts.createChart(place, { autoSize: true, handleScroll: { vertTouchDrag: false } });
  const candles = picture.addCandlestickSeries({ lastValueVisible: false, priceLineVisible: false });
  const volume = picture.addHistogramSeries({ priceFormat: { type: "volume" }, priceScaleId: "volume", lastValueVisible: false, priceLineVisible: false });
  picture.priceScale("volume").applyOptions({ scaleMargins: { top: 0.82, bottom: 0 } });
  candles.priceScale().applyOptions({ scaleMargins: { top: 0.08, bottom: 0.22 } });
  let colour = colours();
  let shown = [];
  let lines = [];
  let last = null; // a line of its own: the series' would have the colour of a hollow candle
  let mine = { orders: [], fills: [] };

  const bar = (one) => ({ time: one.time, value: one.volume, color: `${one.close >= one.open ? colour.up : colour.down}55` });

  function paint() {
    colour = colours();
    picture.applyOptions({
      layout: { background: { color: colour.ground }, textColor: colour.text, fontFamily: getComputedStyle(document.body).fontFamily },
      grid: { vertLines: { color: colour.line }, horzLines: { color: colour.line } },
      rightPriceScale: { borderColor: colour.line },
      timeScale: { borderColor: colour.line, rightOffset: 5 },
    });
    candles.applyOptions({
      upColor: colour.ground,
      downColor: colour.down,
      borderUpColor: colour.up,
      borderDownColor: colour.down,
      wickUpColor: colour.up,
      wickDownColor: colour.down,
    });
    volume.setData(shown.map(bar));
    drawOwn();
    drawLast();
  }

  function drawOwn() {
    for (const line of lines) {
      candles.removePriceLine(line);
    }
    lines = mine.orders.map((order) =>
      candles.createPriceLine({
        price: order.price,
        color: order.side === "buy" ? colour.up : colour.down,
        lineStyle: order.isStop ? LightweightCharts.LineStyle.Dotted : LightweightCharts.LineStyle.Dashed,
        lineWidth: 1,
        title: order.title,
      }),
    );
    const first = shown[0]?.time ?? Infinity;
    const marks = mine.fills.filter((fill) => fill.time >= first).sort((a, b) => a.time - b.time);
    candles.setMarkers(
      marks.map((fill) => ({
        time: fill.time,
        position: fill.side === "buy" ? "belowBar" : "aboveBar",
        shape: fill.side === "buy" ? "arrowUp" : "arrowDown",
        color: colour.ink,
        text: fill.text,
      })),
    );
  }

  function drawLast() {
    const newest = shown.at(-1);
    if (!newest) {
      return;
    }
    const options = { price: newest.close, color: newest.close >= newest.open ? colour.up : colour.down, lineWidth: 1, lineStyle: LightweightCharts.LineStyle.SparseDotted, title: "" };
    if (last === null) {
      last = candles.createPriceLine(options);
    } else {
      last.applyOptions(options);
    }
  }

  paint();
  SCHEME.addEventListener("change", paint);
  return {
    show(bars, hasTime) {
      shown = bars;
      picture.applyOptions({ timeScale: { timeVisible: hasTime, secondsVisible: false } });
      candles.setData(bars.map(({ time, open, high, low, close }) => ({ time, open, high, low, close })));
      volume.setData(bars.map(bar));
      drawOwn();
      drawLast();
    },
    update({ time, open, high, low, close, volume: traded }) {
      candles.update({ time, open, high, low, close });
      volume.update(bar({ time, open, close, volume: traded }));
      drawLast();
    },
    own(orders, fills) {
      mine = { orders, fills };
      drawOwn();
    },
  };
}
