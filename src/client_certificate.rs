//! Client certificates, as Cloudflare tells of them (mTLS).

/// A client certificate that Cloudflare has verified (mTLS).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ClientCertificate {
    /// The subject's distinguished name (RFC 2253).
    pub subject: String,
    /// SHA-256 of the certificate, in lower-case hexadecimal.
    pub fingerprint: String,
}

impl ClientCertificate {
    /// Reads the certificate out of `request.cf.tlsClientAuth`, of which `field` gives a value. Cloudflare calls a
    /// revoked certificate verified all the same, so that `certRevoked` counts too. A missing field accepts nothing.
    pub fn accept(field: impl Fn(&str) -> Option<String>) -> Option<Self> {
        let is = |name: &str, wanted: &str| field(name).as_deref() == Some(wanted);
        if !(is("certPresented", "1") && is("certVerified", "SUCCESS") && is("certRevoked", "0")) {
            return None;
        }
        Some(Self {
            subject: field("certSubjectDNRFC2253")?,
            fingerprint: field("certFingerprintSHA256")?.to_ascii_lowercase(),
        })
    }
}

/// The part of a certificate that names the user.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CertificateName {
    /// The common name of the subject.
    ResourceRef,
    /// The fingerprint.
    Fingerprint,
}

impl ClientCertificate {
    /// The user whom it names. A subject with no common name, or with two, names nobody.
    pub fn username(&self, by: CertificateName) -> Option<String> {
        if by == CertificateName::Fingerprint {
            return Some(self.fingerprint.clone()).filter(|fingerprint| !fingerprint.is_empty());
        }
        // an escaped or quoted value could be read in two ways
        if self.subject.contains(['\\', '"', '+', '#', ';']) {
            return None;
        }
        let mut names = self.subject.split(',').filter_map(|part| part.trim().strip_prefix("CN="));
        match (names.next(), names.next()) {
            (Some(name), None) if !name.is_empty() => Some(name.to_owned()),
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_certificate_that_is_revoked_or_not_verified_signs_nobody_in() {
        let certificate = |presented: &str, verified: &str, revoked: Option<&str>| {
            ClientCertificate::accept(|name| {
                let value = match name {
                    "certPresented" => Some(presented),
                    "certVerified" => Some(verified),
                    "certRevoked" => revoked,
                    "certSubjectDNRFC2253" => Some("CN=alice"),
                    "certFingerprintSHA256" => Some("AB12"),
                    _ => None,
                };
                value.map(str::to_owned)
            })
        };
        let good = ClientCertificate { subject: "CN=alice".into(), fingerprint: "ab12".into() };
        assert_eq!(certificate("1", "SUCCESS", Some("0")), Some(good));
        assert_eq!(certificate("1", "SUCCESS", Some("1")), None, "revoked");
        assert_eq!(certificate("1", "SUCCESS", None), None, "not said");
        assert_eq!(certificate("0", "SUCCESS", Some("0")), None);
        for verified in ["NONE", "FAILED:certificate has expired", "FAILED", ""] {
            assert_eq!(certificate("1", verified, Some("0")), None, "{verified}");
        }
    }

    #[test]
    fn a_subject_names_one_user_or_nobody() {
        let name = |subject: &str| {
            let certificate = ClientCertificate { subject: subject.into(), fingerprint: "ab".into() };
            assert_eq!(certificate.username(CertificateName::Fingerprint).as_deref(), Some("ab"));
            certificate.username(CertificateName::ResourceRef)
        };
        assert_eq!(name("CN=alice,OU=ml,O=Example").as_deref(), Some("alice"));
        assert_eq!(name("O=Example, CN=alice b").as_deref(), Some("alice b"));
        for nobody in
            ["", "O=Example", "CN=", "CN=alice,CN=admin", "CN=alice\\,CN=admin", "CN=\"a,CN=b\"", "CN=a+UID=b"]
        {
            assert_eq!(name(nobody), None, "{nobody}");
        }
    }
}
