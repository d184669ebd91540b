//! The page: sections of a title that says what is seen, a picture, its legend and its table.

use std::fmt::Write as _;

use super::plot::{Series, Stroke, css_colour};

/// One finding of the report.
#[derive(Clone, Debug)]
pub(crate) struct Section {
    /// What is seen, as a sentence.
    pub(crate) title: String,
    /// How it was measured.
    pub(crate) text: String,
    /// The picture, or why there is none.
    pub(crate) picture: Option<Result<String, String>>,
    pub(crate) legend: Vec<Key>,
    pub(crate) table: Table,
}

/// One entry of a legend.
#[derive(Clone, Debug)]
pub(crate) struct Key {
    name: String,
    colour: String,
    class: &'static str,
}

/// Rows of text; cells are written as they are, without markup.
#[derive(Clone, Debug, Default)]
pub(crate) struct Table {
    pub(crate) caption: String,
    pub(crate) heads: Vec<String>,
    pub(crate) rows: Vec<Vec<String>>,
}

impl Key {
    /// Explains a line.
    pub(crate) fn of(series: &Series) -> Self {
        let class = match series.stroke {
            Stroke::Solid | Stroke::Named => "solid",
            Stroke::Dashed => "dashed",
            Stroke::Dotted => "dotted",
        };
        Self { name: series.name.clone(), colour: css_colour(series.colour), class }
    }

    /// Explains a part of a bar.
    pub(crate) fn part(name: &str, colour: usize) -> Self {
        Self { name: name.to_owned(), colour: css_colour(colour), class: "solid" }
    }
}

impl Table {
    /// Makes an empty table.
    pub(crate) fn new(caption: &str, heads: &[&str]) -> Self {
        let heads = heads.iter().map(ToString::to_string).collect();
        Self { caption: caption.to_owned(), heads, rows: Vec::new() }
    }

    fn write(&self, page: &mut String) {
        if self.rows.is_empty() {
            return;
        }
        let _infallible = write!(
            page,
            "<div class=\"scroll\"><table><caption>{}</caption><thead><tr>",
            escaped(&self.caption)
        );
        for head in &self.heads {
            let _infallible = write!(page, "<th scope=\"col\">{}</th>", escaped(head));
        }
        page.push_str("</tr></thead><tbody>\n");
        for row in &self.rows {
            page.push_str("<tr>");
            for cell in row {
                let _infallible =
                    write!(page, "<td class=\"{}\">{}</td>", class_of(cell), escaped(cell));
            }
            page.push_str("</tr>\n");
        }
        page.push_str("</tbody></table></div>\n");
    }
}

impl Section {
    fn write(&self, page: &mut String) {
        let _infallible = writeln!(page, "<section><h2>{}</h2>", escaped(&self.title));
        if !self.text.is_empty() {
            let _infallible = writeln!(page, "<p class=\"quiet\">{}</p>", escaped(&self.text));
        }
        match &self.picture {
            Some(Ok(svg)) => {
                let label = format!("<svg aria-label=\"{}\"", escaped(&self.title));
                let svg = svg.replacen("<svg", &label, 1);
                let _infallible = write!(page, "<figure>{svg}</figure>");
            }
            Some(Err(why)) => {
                let _infallible = write!(page, "<p class=\"bad\">not drawn: {}</p>", escaped(why));
            }
            None => {}
        }
        if !self.legend.is_empty() {
            page.push_str("<ul class=\"legend\">");
            for key in &self.legend {
                let _infallible = write!(
                    page,
                    "<li><i class=\"{}\" style=\"border-color:{}\"></i>{}</li>",
                    key.class,
                    key.colour,
                    escaped(&key.name)
                );
            }
            page.push_str("</ul>\n");
        }
        self.table.write(page);
        page.push_str("</section>\n");
    }
}

/// Puts the sections on one page that needs nothing else: no script, no font, no network.
pub(crate) fn page(title: &str, lead: &str, sections: &[Section]) -> String {
    let mut page =
        String::from("<!doctype html>\n<html lang=\"en\"><head><meta charset=\"utf-8\">\n");
    let _infallible = write!(
        page,
        "<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n\
         <title>{0}</title>\n<style>\n{STYLE}</style></head>\n<body><h1>{0}</h1><p>{1}</p>\n",
        escaped(title),
        escaped(lead)
    );
    sections.iter().for_each(|section| section.write(&mut page));
    page.push_str("</body></html>\n");
    page
}

/// Takes the meaning from markup: names come from files.
fn escaped(text: &str) -> String {
    let mut safe = String::with_capacity(text.len());
    for letter in text.chars() {
        match letter {
            '&' => safe.push_str("&amp;"),
            '<' => safe.push_str("&lt;"),
            '>' => safe.push_str("&gt;"),
            '"' => safe.push_str("&quot;"),
            other => safe.push(other),
        }
    }
    safe
}

fn class_of(cell: &str) -> &'static str {
    match cell {
        HELD => "good",
        BROKEN => "bad",
        words if words.chars().next().is_some_and(char::is_alphabetic) => "words",
        _ => "",
    }
}

/// What tables say of a run that kept all it was asked to.
pub(crate) const HELD: &str = "held";
/// And of any other.
pub(crate) const BROKEN: &str = "NOT HELD";
const STYLE: &str = include_str!("style.css");
