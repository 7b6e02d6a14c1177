//! What is worth saying about a piece of evidence, each thing once, with how often it was met.

/// Different remarks kept: an attacker must not fill memory with them.
const MAX_REMARKS: usize = 50;

/// Remarks in order of first sight.
#[derive(Debug, Default)]
pub(crate) struct Remarks(Vec<(String, u64)>);

impl Remarks {
    pub(crate) fn add(&mut self, what: &str) {
        if let Some((_, count)) = self.0.iter_mut().find(|(text, _)| text == what) {
            *count += 1;
        } else if self.0.len() < MAX_REMARKS {
            self.0.push((what.to_owned(), 1));
        }
    }

    pub(crate) fn into_texts(self) -> Vec<String> {
        self.0.into_iter().map(|(text, count)| if count == 1 { text } else { format!("{text} ({count} times)") }).collect()
    }
}
