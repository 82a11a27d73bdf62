// What the types must refuse: if they took one of these, they would prove nothing of the dashboards.
import type { Shipped } from './dashboard';

type Shape = Shipped['panels'][number];

const options = {
  legend: { displayMode: 'list', placement: 'bottom', showLegend: true, calcs: [] as string[] },
  tooltip: { mode: 'multi', sort: 'desc' },
} as const;

// A panel that is right.
export const right: Shape = {
  type: 'timeseries', options, targets: [{ refId: 'A', expr: 'up', range: true }],
  fieldConfig: { defaults: { unit: 's', custom: { drawStyle: 'line' } }, overrides: [] },
};

// @ts-expect-error no such type of panel
export const panel: Shape = { ...right, type: 'timeserie' };

export const key: Shape = {
  type: 'timeseries', options, targets: [],
  // @ts-expect-error no such key: it is drawStyle
  fieldConfig: { defaults: { unit: 's', custom: { drawstyle: 'line' } }, overrides: [] },
};

export const value: Shape = {
  type: 'timeseries', options, targets: [],
  // @ts-expect-error no such value
  fieldConfig: { defaults: { unit: 's', custom: { drawStyle: 'dots' } }, overrides: [] },
};

export const unit: Shape = {
  type: 'timeseries', options, targets: [],
  // @ts-expect-error no such unit: it is s
  fieldConfig: { defaults: { unit: 'second' }, overrides: [] },
};

export const query: Shape = {
  // @ts-expect-error no such key: it is expr
  type: 'timeseries', options, targets: [{ refId: 'A', expression: 'up' }],
  fieldConfig: { defaults: { unit: 's' }, overrides: [] },
};

export const option: Shape = {
  type: 'timeseries',
  // @ts-expect-error an option of the panel heatmap
  options: { ...options, cellGap: 1 },
  targets: [], fieldConfig: { defaults: { unit: 's' }, overrides: [] },
};
