//! stub
pub mod words;
pub use words::{Alarm, Departure, Input, Output};
pub use crate::contact::{OfferNews, OfferRefusal};
use holdfast_base::*; use std::sync::Arc; use holdfast_config::Config;
#[derive(Debug)] pub struct Engine;
impl Engine {
 pub fn new(_:Now,_:Arc<Config>)->Self{todo!()}
 pub fn handle(&mut self,_:Now,_:Input,_:&mut Outbox<Output>){todo!()}
 pub fn deadline(&self)->Option<Mono>{todo!()}
 pub fn changed(&mut self)->Vec<(String,Option<Vec<u8>>)>{todo!()}
 pub fn restore(_:Now,_:Arc<Config>,_:&[(String,Vec<u8>)])->Self{todo!()}
 pub fn agent_views(&self,_:Now)->Vec<crate::view::AgentView>{todo!()}
 pub fn queue_views(&self,_:Now)->Vec<crate::view::QueueView>{todo!()}
 pub fn reaper_fixups(&self)->u64{todo!()}
 pub fn knows_agent(&self,_:&AgentName)->bool{todo!()}
 pub fn knows_contact(&self,_:ContactId)->bool{todo!()}
 pub fn contacts(&self)->Vec<ContactId>{todo!()}
}
