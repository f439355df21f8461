//! The OpenID Connect provider: any site or app signs its people in through our pages.
//!
//! | module | what it is for |
//! |---|---|
//! | `clients` | the sites and apps that may ask, out of one file |

pub mod clients;
