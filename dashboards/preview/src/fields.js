// Gives fields what the panel says about them: defaults, then overrides by name; and runs transformations.
import { firstValueFrom } from 'rxjs';
import {
  FieldColorModeId, FieldType, getDisplayProcessor, getFieldDisplayName, standardTransformers, standardTransformersRegistry, transformDataFrame,
} from '@grafana/data';

// Some are exported under two names.
standardTransformersRegistry.setInit(() =>
  [...new Map(Object.values(standardTransformers).map((transformation) => [transformation.id, transformation])).values()].map(
    (transformation) => ({ id: transformation.id, name: transformation.name, transformation: async () => transformation })
  )
);

/** Runs the panel's transformations. */
export const transformed = (panel, frames) =>
  panel.transformations?.length ? firstValueFrom(transformDataFrame(panel.transformations, frames)) : Promise.resolve(frames);

const set = (config, path, value) => {
  const keys = path.split('.');
  const last = keys.pop();
  let at = config;
  for (const key of keys) at = at[key] = { ...at[key] };
  at[last] = value;
};

const thresholds = (found) =>
  found && { ...found, steps: found.steps.map((step) => ({ ...step, value: step.value ?? -Infinity })) };

/** Sets the fields' configuration, and how their values are written. */
export function configured(panel, frames, theme) {
  const { defaults, overrides } = panel.fieldConfig;
  let index = 0;
  for (const frame of frames) {
    for (const field of frame.fields) {
      const name = field.config.displayNameFromDS ?? getFieldDisplayName(field, frame, frames);
      const config = { ...structuredClone(defaults), ...field.config };
      // Times and texts have no unit.
      if (field.type !== FieldType.number) delete config.unit;
      for (const { matcher, properties } of overrides) {
        if (matcher.id === 'byName' && matcher.options === name) properties.forEach(({ id, value }) => set(config, id, value));
      }
      config.color ??= { mode: FieldColorModeId.PaletteClassic };
      config.thresholds = thresholds(config.thresholds);
      field.config = config;
      field.state = { ...field.state, displayName: name, seriesIndex: field.type === FieldType.number ? index++ : undefined };
      // That it is a link is seen; where it leads to is nothing for a picture.
      if (panel.type === 'table' && config.links) field.getLinks = () => config.links.map(({ title }) => ({ title, href: '#' }));
      field.display = getDisplayProcessor({ field, theme });
    }
  }
  return frames;
}
