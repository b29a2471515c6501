//! scrypt by the `node:crypto` of the runtime, which gives its 32 MiB back: the memory of wasm never shrinks.

use std::cell::OnceCell;

use js_sys::{Array, Function, Object, Reflect, Uint8Array};
use worker::console_warn;
use worker::wasm_bindgen::{JsCast, JsValue};

use crate::password::{ScryptCost, portable_scrypt};
use crate::worker::js::told;

thread_local! {
    static NATIVE: OnceCell<Option<Native>> = const { OnceCell::new() };
}

/// Computes it natively or, where that is missing or fails, in wasm. The runtime refuses costs of N·r·p above 2^20, of
/// which an import may bring some.
pub fn scrypt(password: &[u8], salt: &[u8], cost: ScryptCost) -> Option<[u8; 64]> {
    NATIVE.with(|cell| {
        let native = cell.get_or_init(|| Native::find().inspect_err(|why| warn("is not used", why)).ok());
        let derived = native.as_ref().map(|native| native.scrypt(password, salt, cost));
        match derived {
            Some(Ok(derived)) => Some(derived),
            Some(Err(why)) => {
                warn("has failed", &why);
                portable_scrypt(password, salt, cost)
            }
            None => portable_scrypt(password, salt, cost),
        }
    })
}

fn warn(what: &str, why: &JsValue) {
    console_warn!("scrypt of node:crypto {what}, hashes are computed in wasm: {}", told(why));
}

/// `scryptSync`, and the module that it is of.
struct Native {
    crypto: JsValue,
    scrypt_sync: Function,
}

impl Native {
    /// Looks it up, and tries it on a small cost: what does not agree with ours is not used.
    fn find() -> Result<Self, JsValue> {
        let process = Reflect::get(&js_sys::global(), &"process".into())?;
        let get_module: Function = Reflect::get(&process, &"getBuiltinModule".into())?.dyn_into()?;
        let crypto = get_module.call1(&process, &"node:crypto".into())?;
        let scrypt_sync = Reflect::get(&crypto, &"scryptSync".into())?.dyn_into()?;
        let native = Self { crypto, scrypt_sync };
        let small = ScryptCost { log_n: 1, r: 1, p: 1 };
        let derived = native.scrypt(b"password", b"salt", small)?;
        if Some(derived) == portable_scrypt(b"password", b"salt", small) {
            Ok(native)
        } else {
            Err("another result than ours".into())
        }
    }

    fn scrypt(&self, password: &[u8], salt: &[u8], cost: ScryptCost) -> Result<[u8; 64], JsValue> {
        let options = Object::new();
        let set = |name: &str, value: f64| Reflect::set(&options, &name.into(), &value.into());
        set("N", cost.n() as f64)?;
        set("r", f64::from(cost.r))?;
        set("p", f64::from(cost.p))?;
        // Node's own limit is just below what the larger ones take
        set("maxmem", (2 * ScryptCost::MOST_BYTES) as f64)?;
        let arguments = Array::of4(
            &Uint8Array::from(password).into(),
            &Uint8Array::from(salt).into(),
            &JsValue::from(64),
            &options.into(),
        );
        let derived: Uint8Array = self.scrypt_sync.apply(&self.crypto, &arguments)?.dyn_into()?;
        derived.to_vec().try_into().map_err(|_| JsValue::from("not 64 bytes"))
    }
}
