import * as echarts from "echarts";
import { callersText, written } from "../format.js";
import type { BackendResult } from "../measure-backend.js";

const WIDTH = 960;
const PANEL = { width: 270, height: 190, left: 60, top: 80, gapX: 30, gapY: 60 };

/**
 * A plot of calls per second over the number of tokens: a row for each job, a panel for each number of callers,
 * a line for each candidate.
 * @returns an SVG image
 */
export function plot({ backend, groups }: BackendResult): string {
  const jobs = [...new Set(groups.map(({ job }) => job))];
  const callers = [...new Set(groups.map((group) => group.callers))];
  const sizes = [...new Set(groups.flatMap(({ measured }) => measured.map(({ size }) => size)))];
  const height = PANEL.top + jobs.length * (PANEL.height + PANEL.gapY);
  const panels = groups.map((group, index) => ({
    ...group,
    index,
    left: PANEL.left + callers.indexOf(group.callers) * (PANEL.width + PANEL.gapX),
    top: PANEL.top + jobs.indexOf(group.job) * (PANEL.height + PANEL.gapY),
  }));
  const names = [...new Set(groups.flatMap(({ measured }) => measured.map(({ name }) => name)))];
  const chart = echarts.init(null, null, { renderer: "svg", ssr: true, width: WIDTH, height });
  chart.setOption({
    animation: false,
    backgroundColor: "#ffffff",
    title: panels.map(({ job, callers, left, top }, i) => ({
      text: `${i === 0 ? `${backend}: ` : ""}${job}, ${callersText(callers)}`,
      left,
      top: top - 30,
      textStyle: { fontSize: 13 },
    })),
    legend: { top: 8, data: names, itemGap: 30 },
    grid: panels.map(({ left, top }) => ({ left, top, width: PANEL.width, height: PANEL.height })),
    xAxis: panels.map(({ index }) => ({
      gridIndex: index,
      type: "category",
      data: sizes.map((size) => `${written(size)} tokens`),
      axisLabel: { interval: 0, fontSize: 11 },
    })),
    yAxis: panels.map(({ index, job }) => ({
      gridIndex: index,
      type: "log",
      ...rangeOf(groups.filter((group) => group.job === job)),
      axisLabel: { show: index % callers.length === 0, formatter: (value: number) => `${short(value)}/s` },
    })),
    series: panels.flatMap(({ index, measured }) =>
      names.map((name, i) => ({
        name,
        type: "line",
        xAxisIndex: index,
        yAxisIndex: index,
        color: COLORS[i % COLORS.length],
        lineStyle: { width: i === 0 ? 3 : 1.5 },
        symbol: SYMBOLS[i % SYMBOLS.length],
        symbolSize: 8,
        data: sizes.map(
          (size) => measured.find((one) => one.name === name && one.size === size)?.perSecond ?? null,
        ),
      })),
    ),
  });
  const svg = chart.renderToSVGString();
  chart.dispose();
  return `${svg}\n`;
}

const short = (value: number): string => value.toLocaleString("en", { notation: "compact" });

// Distinguishable without colour too.
const COLORS = ["#0b6e4f", "#444444", "#c8553d", "#2f6690", "#b58900", "#7b2d8b"];
const SYMBOLS = ["circle", "diamond", "triangle", "rect", "roundRect", "pin"];

/** Whole powers of ten around all the values of one job, so that its panels can be compared. */
function rangeOf(groups: BackendResult["groups"]): { min: number; max: number } {
  const rates = groups.flatMap(({ measured }) => measured.map(({ perSecond }) => perSecond));
  return {
    min: 10 ** Math.floor(Math.log10(Math.min(...rates))),
    max: 10 ** Math.ceil(Math.log10(Math.max(...rates))),
  };
}
