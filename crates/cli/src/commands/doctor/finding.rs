//! What one check found.

use serde::Serialize;

/// How it is.
#[derive(Clone, Copy, Debug, Eq, PartialEq, Serialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum Verdict {
    /// As it should be.
    Pass,
    /// It works, but deserves a look.
    Warn,
    /// It does not work.
    Fail,
    /// Nobody can tell from here.
    Unknown,
}

/// A check, what it found, and what to do.
#[derive(Clone, Debug, Eq, PartialEq, Serialize)]
pub(super) struct Finding {
    /// A stable name for scripts.
    pub(super) check: &'static str,
    pub(super) verdict: Verdict,
    /// What was found, and why.
    pub(super) detail: String,
    /// What mends it; null where nothing needs mending.
    pub(super) mend: Option<String>,
}

impl Finding {
    pub(super) fn pass(check: &'static str, detail: impl Into<String>) -> Self {
        Self { check, verdict: Verdict::Pass, detail: detail.into(), mend: None }
    }

    pub(super) fn unknown(check: &'static str, detail: impl Into<String>) -> Self {
        Self { check, verdict: Verdict::Unknown, detail: detail.into(), mend: None }
    }

    pub(super) fn warn(
        check: &'static str,
        detail: impl Into<String>,
        mend: impl Into<String>,
    ) -> Self {
        let (detail, mend) = (detail.into(), Some(mend.into()));
        Self { check, verdict: Verdict::Warn, detail, mend }
    }

    pub(super) fn fail(
        check: &'static str,
        detail: impl Into<String>,
        mend: impl Into<String>,
    ) -> Self {
        let (detail, mend) = (detail.into(), Some(mend.into()));
        Self { check, verdict: Verdict::Fail, detail, mend }
    }

    /// Returns it as a human reads it.
    pub(super) fn lines(&self) -> Vec<String> {
        let word = match self.verdict {
            Verdict::Pass => "PASS",
            Verdict::Warn => "WARN",
            Verdict::Fail => "FAIL",
            Verdict::Unknown => "UNKNOWN",
        };
        let mut lines = vec![format!("{word:<8}{:<14}{}", self.check, self.detail)];
        lines.extend(self.mend.iter().map(|mend| format!("{:22}> {mend}", "")));
        lines
    }
}
