// Horizontal bars with the spread of the rounds, as SVG.

const [WIDTH, LABEL, BAR, GAP, HEAD] = [900, 330, 18, 8, 46];
const COLORS = ["#9aa5b1", "#d97a5c", "#e3b04b", "#cfd6dd", "#2f7fb8", "#8dc0e4"];

/** `panels`: { title, unit, log, bars: [{ label, color, median, min, max }] }; a bar without a median is a heading. */
export function chart(panels) {
  let top = 12;
  const parts = panels.map((panel) => {
    const drawn = draw(panel, top);
    top += HEAD + panel.bars.length * (BAR + GAP) + 24;
    return drawn;
  });
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${WIDTH} ${top}" font-family="sans-serif" font-size="13">`,
    `<rect width="${WIDTH}" height="${top}" fill="white"/>`,
    ...parts,
    "</svg>\n",
  ].join("\n");
}

function draw({ title, unit, log, bars }, top) {
  const values = bars.filter((bar) => bar.median !== undefined);
  const most = Math.max(...values.map((bar) => bar.max));
  const least = log ? Math.min(...values.map((bar) => bar.min)) / 2 : 0;
  const room = WIDTH - LABEL - 110;
  const share = (value) => (log ? Math.log(value / least) / Math.log(most / least) : value / most);
  const x = (value) => (LABEL + room * Math.max(0, share(value))).toFixed(1);
  const lines = [
    `<text x="12" y="${top + 18}" font-size="15" font-weight="bold">${escape(title)}</text>`,
    `<text x="12" y="${top + 36}" fill="#555">${escape(unit)}${log ? ", logarithmic" : ""}; the line is the spread of the rounds</text>`,
  ];
  bars.forEach((bar, n) => {
    const y = top + HEAD + n * (BAR + GAP);
    const middle = y + BAR / 2;
    if (bar.median === undefined) {
      lines.push(`<text x="12" y="${middle + 5}" font-weight="bold">${escape(bar.label)}</text>`);
      return;
    }
    const width = (x(bar.median) - LABEL).toFixed(1);
    lines.push(
      `<text x="${LABEL - 8}" y="${middle + 5}" text-anchor="end">${escape(bar.label)}</text>`,
      `<rect x="${LABEL}" y="${y}" width="${width}" height="${BAR}" fill="${COLORS[bar.color]}"/>`,
      `<path d="M${x(bar.min)} ${middle}H${x(bar.max)}" stroke="#222" stroke-width="2"/>`,
      `<text x="${Number(x(bar.max)) + 6}" y="${middle + 5}">${number(bar.median)}</text>`,
    );
  });
  return lines.join("\n");
}

export function number(value) {
  const digits = Math.abs(value) >= 100 ? 0 : Math.abs(value) >= 10 ? 1 : 2;
  return value.toLocaleString("en", { minimumFractionDigits: digits, maximumFractionDigits: digits });
}

function escape(text) {
  return text.replaceAll("&", "&amp;").replaceAll("<", "&lt;");
}
