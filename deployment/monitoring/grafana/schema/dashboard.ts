// What Grafana's own types say of a dashboard. The SDK leaves open what a panel of each type and a query of Prometheus look
// like: both are put together from its parts here.
import type { Dashboard, FieldConfig, Panel, RowPanel } from '@grafana/grafana-foundation-sdk/dashboard';
import type * as heatmap from '@grafana/grafana-foundation-sdk/heatmap';
import type { Dataquery } from '@grafana/grafana-foundation-sdk/prometheus';
import type * as stat from '@grafana/grafana-foundation-sdk/stat';
import type * as table from '@grafana/grafana-foundation-sdk/table';
import type * as timeseries from '@grafana/grafana-foundation-sdk/timeseries';
import type * as units from '@grafana/grafana-foundation-sdk/units';

// JSON has the values of enums, which TypeScript takes for other types.
type Plain<T> = 0 extends 1 & T ? unknown
  : T extends string ? `${T}`
  : T extends object ? { [K in keyof T]: Plain<T[K]> }
  : T;

type Unit = Extract<(typeof units)[keyof typeof units], string>;

type Of<Type, Options, Custom> = Plain<Omit<Panel, 'fieldConfig' | 'options' | 'targets' | 'type'>> & {
  type: Type;
  options: Plain<Options>;
  targets: Plain<Omit<Dataquery, '_implementsDataqueryVariant'>>[];
  fieldConfig: {
    defaults: Plain<Omit<FieldConfig, 'custom' | 'unit'>> & { unit: Unit; custom?: Plain<Custom> };
    overrides: [];
  };
};

export type Shipped = Plain<Omit<Dashboard, 'panels'>> & {
  panels: (
    | Plain<RowPanel>
    | Of<'heatmap', heatmap.Options, heatmap.FieldConfig>
    | Of<'stat', stat.Options, never>
    | Of<'table', table.Options, table.FieldConfig>
    | Of<'timeseries', timeseries.Options, timeseries.FieldConfig>
  )[];
};
