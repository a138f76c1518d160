//! Places panels on the grid: section by section, line by line, without holes.

use crate::model::{GridPos, Panel};

/// Cells of a line.
pub(crate) const WIDTH: u32 = 24;

/// Panels below each other, numbered as they come.
#[derive(Default)]
pub(crate) struct Layout {
    panels: Vec<Panel>,
    y: u32,
}

impl Layout {
    /// Panels of one height, each with its width; a line is full where their widths reach 24.
    pub(crate) fn line(mut self, height: u32, panels: Vec<(u32, Panel)>) -> Self {
        let mut x = 0;
        for (width, mut panel) in panels {
            if x + width > WIDTH {
                (x, self.y) = (0, self.y + height);
            }
            panel.grid_pos = GridPos { h: height, w: width, x, y: self.y };
            x += width;
            self.push(panel);
        }
        self.y += height;
        self
    }

    /// A heading.
    pub(crate) fn heading(mut self, title: &str) -> Self {
        let panel = Panel {
            id: 0,
            kind: "row",
            title: title.to_owned(),
            description: String::new(),
            grid_pos: GridPos { h: 1, w: WIDTH, x: 0, y: self.y },
            collapsed: Some(false),
            panels: Some(Vec::new()),
            repeat: None,
            repeat_direction: None,
            max_per_row: None,
            datasource: None,
            field_config: None,
            options: None,
            targets: Vec::new(),
            transformations: Vec::new(),
        };
        self.push(panel);
        self.y += 1;
        self
    }

    fn push(&mut self, mut panel: Panel) {
        panel.id = u32::try_from(self.panels.len()).unwrap_or(u32::MAX - 1) + 1;
        self.panels.push(panel);
    }

    pub(crate) fn finish(self) -> Vec<Panel> {
        self.panels
    }
}
