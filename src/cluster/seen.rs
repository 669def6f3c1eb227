//! What is there before a stage of many objects, looked at in few requests.

use super::client::Client;
use super::object::{api_version, kind as kind_of, name};
use super::{Failure, Json, Kind, Selectors};
use futures_util::future::join_all;
use std::collections::{BTreeMap, HashMap};

/// From so many objects of one kind in one namespace on, one list is cheaper than a look at each.
const WORTH_A_LIST: usize = 8;

/// Objects as they were listed, by the address of their list and their name.
#[derive(Default)]
pub(super) struct Seen(HashMap<String, HashMap<String, Json>>);

impl Client {
    /// Lists what is there already, where that saves requests. What cannot be listed is not seen, and will be looked at one by one.
    pub(super) async fn look(&self, objects: &[&Json]) -> Seen {
        if objects.len() < WORTH_A_LIST {
            return Seen::default();
        }
        // also asks for each kind once, before many want to know of it at the same time
        let mut kinds: BTreeMap<(&str, &str), Vec<&Json>> = BTreeMap::new();
        for object in objects {
            let key = (api_version(object), kind_of(object));
            kinds.entry(key).or_default().push(object);
        }
        let versions: BTreeMap<&str, &str> = kinds.keys().copied().collect();
        let asked = versions.iter().map(|(v, kind)| self.find_kind(v, kind));
        join_all(asked).await;
        let mut lists: BTreeMap<String, (std::sync::Arc<Kind>, Option<String>, usize)> =
            BTreeMap::new();
        for ((version, kind), objects) in kinds {
            let Ok(Some(kind)) = self.find_kind(version, kind).await else {
                continue;
            };
            for object in objects {
                let place = self.place_of(&kind, object).map(str::to_owned);
                let path = kind.path(place.as_deref(), None);
                lists.entry(path).or_insert((kind.clone(), place, 0)).2 += 1;
            }
        }
        let wanted = lists
            .into_iter()
            .filter(|(_, (_, _, number))| *number >= WORTH_A_LIST);
        let listed = join_all(wanted.map(|(path, (kind, place, _))| async move {
            let all = Selectors::default();
            let found = self.list(&kind, place.as_deref(), &all, false).await?;
            let by_name = found.items.into_iter().map(|o| (name(&o).to_owned(), o));
            Ok::<_, Failure>((path, by_name.collect()))
        }));
        Seen(listed.await.into_iter().flatten().collect())
    }
}

impl Seen {
    /// An object as it was seen: `None` when nobody looked, `Some(None)` when it was not there.
    pub(super) fn get(
        &self,
        kind: &Kind,
        place: Option<&str>,
        name: &str,
    ) -> Option<Option<&Json>> {
        let list = self.0.get(&kind.path(place, None))?;
        Some(list.get(name))
    }
}
