// Stands in for the scrollbars of Grafana's library, a CommonJS module that bundlers import each in their own way. In a
// picture nothing is scrolled. Bundled together with the library, where JSX is not compiled as in the rest of this program.
import { createElement } from 'react';

export default function Scrollbars({ children, style }) {
  return createElement('div', { style: { ...style, overflow: 'hidden', height: '100%' } }, children);
}
export { Scrollbars };
