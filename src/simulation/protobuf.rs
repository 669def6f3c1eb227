//! Requests in protobuf, which some commands of `kubectl` send whatever the server says that it reads: those messages, and what they are
//! made of. Answers are always JSON, which all clients read.

use base64::Engine as _;
use serde_json::{Map, Value, json};

/// What begins a protobuf body of Kubernetes'.
const MAGIC: &[u8] = b"k8s\0";

/// The messages: number, name, type of every field. Types: `s` text, `B` bytes, `i` number, `z` number where 0 says nothing, `b` truth,
/// `f` truth where false says nothing, `T` time, `Q` quantity, `I` number or text, otherwise a message; `*` before it is a list, `%` a
/// mapping from text.
const MESSAGES: &[(&str, &str)] = &[
    (
        "Unknown",
        "1 typeMeta TypeMeta,2 raw B,3 contentEncoding s,4 contentType s",
    ),
    ("TypeMeta", "1 apiVersion s,2 kind s"),
    (
        "ObjectMeta",
        "1 name s,2 generateName s,3 namespace s,4 selfLink s,5 uid s,6 resourceVersion s,7 generation z,8 creationTimestamp T,9 deletionTimestamp T,10 deletionGracePeriodSeconds i,11 labels %s,12 annotations %s,13 ownerReferences *OwnerReference,14 finalizers *s",
    ),
    (
        "OwnerReference",
        "1 kind s,3 name s,4 uid s,5 apiVersion s,6 controller b,7 blockOwnerDeletion b",
    ),
    (
        "Namespace",
        "1 metadata ObjectMeta,2 spec NamespaceSpec,3 status Nothing",
    ),
    ("NamespaceSpec", "1 finalizers *s"),
    (
        "ConfigMap",
        "1 metadata ObjectMeta,2 data %s,3 binaryData %B,4 immutable b",
    ),
    (
        "Secret",
        "1 metadata ObjectMeta,2 data %B,3 type s,4 stringData %s,5 immutable b",
    ),
    (
        "ServiceAccount",
        "1 metadata ObjectMeta,2 secrets *Reference,3 imagePullSecrets *Named,4 automountServiceAccountToken b",
    ),
    (
        "Reference",
        "1 kind s,2 namespace s,3 name s,4 uid s,5 apiVersion s,6 resourceVersion s,7 fieldPath s",
    ),
    ("Named", "1 name s"),
    (
        "Eviction",
        "1 metadata ObjectMeta,2 deleteOptions DeleteOptions",
    ),
    (
        "DeleteOptions",
        "1 gracePeriodSeconds i,2 preconditions Preconditions,3 orphanDependents b,4 propagationPolicy s,5 dryRun *s",
    ),
    ("Preconditions", "1 uid s,2 resourceVersion s"),
    (
        "TokenRequest",
        "1 metadata ObjectMeta,2 spec TokenRequestSpec,3 status Nothing",
    ),
    (
        "TokenRequestSpec",
        "1 audiences *s,3 boundObjectRef BoundObjectReference,4 expirationSeconds i",
    ),
    (
        "BoundObjectReference",
        "1 kind s,2 apiVersion s,3 name s,4 uid s",
    ),
    (
        "SelfSubjectReview",
        "1 metadata ObjectMeta,2 status Nothing",
    ),
    (
        "SelfSubjectAccessReview",
        "1 metadata ObjectMeta,2 spec AccessSpec,3 status Nothing",
    ),
    (
        "AccessSpec",
        "1 resourceAttributes ResourceAttributes,2 nonResourceAttributes PathAttributes",
    ),
    (
        "ResourceAttributes",
        "1 namespace s,2 verb s,3 group s,4 version s,5 resource s,6 subresource s,7 name s",
    ),
    ("PathAttributes", "1 path s,2 verb s"),
    (
        "SelfSubjectRulesReview",
        "1 metadata ObjectMeta,2 spec RulesSpec,3 status Nothing",
    ),
    ("RulesSpec", "1 namespace s"),
    ("Role", "1 metadata ObjectMeta,2 rules *PolicyRule"),
    ("ClusterRole", "1 metadata ObjectMeta,2 rules *PolicyRule"),
    (
        "PolicyRule",
        "1 verbs *s,2 apiGroups *s,3 resources *s,4 resourceNames *s,5 nonResourceURLs *s",
    ),
    (
        "RoleBinding",
        "1 metadata ObjectMeta,2 subjects *Subject,3 roleRef RoleRef",
    ),
    (
        "ClusterRoleBinding",
        "1 metadata ObjectMeta,2 subjects *Subject,3 roleRef RoleRef",
    ),
    ("Subject", "1 kind s,2 apiGroup s,3 name s,4 namespace s"),
    ("RoleRef", "1 apiGroup s,2 kind s,3 name s"),
    (
        "ResourceQuota",
        "1 metadata ObjectMeta,2 spec QuotaSpec,3 status Nothing",
    ),
    ("QuotaSpec", "1 hard %Q,2 scopes *s"),
    (
        "PriorityClass",
        "1 metadata ObjectMeta,2 value i,3 globalDefault f,4 description s,5 preemptionPolicy s",
    ),
    (
        "PodDisruptionBudget",
        "1 metadata ObjectMeta,2 spec BudgetSpec,3 status Nothing",
    ),
    (
        "BudgetSpec",
        "1 minAvailable I,2 selector LabelSelector,3 maxUnavailable I",
    ),
    (
        "LabelSelector",
        "1 matchLabels %s,2 matchExpressions *LabelExpression",
    ),
    ("LabelExpression", "1 key s,2 operator s,3 values *s"),
    (
        "Service",
        "1 metadata ObjectMeta,2 spec ServiceSpec,3 status Nothing",
    ),
    (
        "ServiceSpec",
        "1 ports *ServicePort,2 selector %s,3 clusterIP s,4 type s,5 externalIPs *s,7 sessionAffinity s,8 loadBalancerIP s,9 loadBalancerSourceRanges *s,10 externalName s,11 externalTrafficPolicy s,12 healthCheckNodePort z,13 publishNotReadyAddresses f",
    ),
    (
        "ServicePort",
        "1 name s,2 protocol s,3 port i,4 targetPort I,5 nodePort z,6 appProtocol s",
    ),
    (
        "Deployment",
        "1 metadata ObjectMeta,2 spec DeploymentSpec,3 status Nothing",
    ),
    (
        "DeploymentSpec",
        "1 replicas i,2 selector LabelSelector,3 template PodTemplateSpec,4 strategy Strategy,5 minReadySeconds z,6 revisionHistoryLimit i,7 paused f,9 progressDeadlineSeconds i",
    ),
    ("Strategy", "1 type s,2 rollingUpdate RollingUpdate"),
    ("RollingUpdate", "1 maxUnavailable I,2 maxSurge I"),
    ("PodTemplateSpec", "1 metadata ObjectMeta,2 spec PodSpec"),
    (
        "PodSpec",
        "2 containers *Container,3 restartPolicy s,4 terminationGracePeriodSeconds i,5 activeDeadlineSeconds i,6 dnsPolicy s,7 nodeSelector %s,8 serviceAccountName s,9 serviceAccount s,10 nodeName s,11 hostNetwork f,12 hostPID f,13 hostIPC f,14 securityContext PodSecurityContext,15 imagePullSecrets *Named,16 hostname s,17 subdomain s,19 schedulerName s,20 initContainers *Container,24 priorityClassName s,25 priority i",
    ),
    (
        "Container",
        "1 name s,2 image s,3 command *s,4 args *s,5 workingDir s,6 ports *ContainerPort,7 env *Variable,8 resources Resources,13 terminationMessagePath s,14 imagePullPolicy s,16 stdin f,17 stdinOnce f,18 tty f,20 terminationMessagePolicy s",
    ),
    (
        "ContainerPort",
        "1 name s,2 hostPort z,3 containerPort i,4 protocol s,5 hostIP s",
    ),
    ("Variable", "1 name s,2 value s"),
    ("PodSecurityContext", ""),
    ("Resources", "1 limits %Q,2 requests %Q"),
    (
        "Job",
        "1 metadata ObjectMeta,2 spec JobSpec,3 status Nothing",
    ),
    (
        "JobSpec",
        "1 parallelism i,2 completions i,3 activeDeadlineSeconds i,4 selector LabelSelector,5 manualSelector b,6 template PodTemplateSpec,7 backoffLimit i,8 ttlSecondsAfterFinished i,10 suspend b",
    ),
    (
        "CronJob",
        "1 metadata ObjectMeta,2 spec CronJobSpec,3 status Nothing",
    ),
    (
        "CronJobSpec",
        "1 schedule s,2 startingDeadlineSeconds i,3 concurrencyPolicy s,4 suspend b,5 jobTemplate JobTemplate,6 successfulJobsHistoryLimit i,7 failedJobsHistoryLimit i",
    ),
    ("JobTemplate", "1 metadata ObjectMeta,2 spec JobSpec"),
];

/// The object of a protobuf body.
///
/// # Errors
/// What cannot be read: kinds and fields that are not listed above, and bytes that are no protobuf.
pub fn read(body: &[u8]) -> Result<Value, String> {
    let bytes = body
        .strip_prefix(MAGIC)
        .ok_or("the body does not begin as protobuf of Kubernetes' does")?;
    let envelope = message("Unknown", bytes)?;
    let kind = envelope["typeMeta"]["kind"]
        .as_str()
        .unwrap_or_default()
        .to_owned();
    let raw = envelope["raw"].as_str().unwrap_or_default();
    let raw = base64::engine::general_purpose::STANDARD
        .decode(raw)
        .map_err(|error| error.to_string())?;
    let mut it = message(&kind, &raw)?;
    it["apiVersion"] = envelope["typeMeta"]["apiVersion"].clone();
    it["kind"] = kind.into();
    Ok(it)
}

fn varint(bytes: &mut &[u8]) -> Result<u64, String> {
    let mut value = 0_u64;
    for at in 0..10 {
        let (first, rest) = bytes.split_first().ok_or("a number is cut off")?;
        *bytes = rest;
        value |= u64::from(first & 0x7f) << (7 * at);
        if first & 0x80 == 0 {
            return Ok(value);
        }
    }
    Err("a number is too long".to_owned())
}

fn piece<'a>(bytes: &mut &'a [u8]) -> Result<&'a [u8], String> {
    let length = usize::try_from(varint(bytes)?).map_err(|error| error.to_string())?;
    let (piece, rest) = bytes.split_at_checked(length).ok_or("a field is cut off")?;
    *bytes = rest;
    Ok(piece)
}

fn message(name: &str, mut bytes: &[u8]) -> Result<Value, String> {
    // a status that comes with a request to make something says nothing
    if name == "Nothing" {
        return Ok(json!({}));
    }
    let known = MESSAGES.iter().find(|(it, _)| *it == name);
    let (_, fields) = known.ok_or_else(|| format!("{name} cannot be read from protobuf"))?;
    let mut map = Map::new();
    while !bytes.is_empty() {
        let tag = varint(&mut bytes)?;
        let (number, wire) = ((tag >> 3).to_string(), tag & 7);
        let field = fields
            .split(',')
            .map(|it| it.split(' ').collect::<Vec<_>>())
            .find(|it| it[0] == number);
        let field = field.filter(|it| it.len() == 3);
        let field = field
            .ok_or_else(|| format!("field {number} of {name} cannot be read from protobuf"))?;
        let (key, sort) = (field[1], field[2]);
        if wire == 0 {
            let value = i64::from_le_bytes(varint(&mut bytes)?.to_le_bytes());
            match sort {
                "z" if value == 0 => {}
                "i" | "z" => {
                    map.insert(key.to_owned(), value.into());
                }
                "f" if value == 0 => {}
                "b" | "f" => {
                    map.insert(key.to_owned(), (value != 0).into());
                }
                _ => return Err(format!("{name}.{key} is no number")),
            }
            continue;
        }
        if wire != 2 {
            return Err(format!("{name}.{key} has a form that is not read"));
        }
        let piece = piece(&mut bytes)?;
        if let Some(sort) = sort.strip_prefix('*') {
            let list = map.entry(key).or_insert_with(|| json!([]));
            if let Some(list) = list.as_array_mut() {
                list.push(value(sort, piece)?);
            }
        } else if let Some(sort) = sort.strip_prefix('%') {
            let (entry, what) = pair(sort, piece)?;
            let inner = map.entry(key).or_insert_with(|| json!({}));
            inner[entry] = what;
        } else {
            let value = value(sort, piece)?;
            let says_nothing =
                value == "" || value.is_null() || value.as_object().is_some_and(Map::is_empty);
            if !says_nothing {
                map.insert(key.to_owned(), value);
            }
        }
    }
    Ok(Value::Object(map))
}

/// An entry of a mapping.
fn pair(sort: &str, mut bytes: &[u8]) -> Result<(String, Value), String> {
    let (mut key, mut found) = (String::new(), Value::from(""));
    while !bytes.is_empty() {
        let tag = varint(&mut bytes)?;
        let piece = piece(&mut bytes)?;
        match tag {
            10 => key = String::from_utf8_lossy(piece).into_owned(),
            18 => found = value(sort, piece)?,
            _ => return Err("a mapping has a form that is not read".to_owned()),
        }
    }
    Ok((key, found))
}

/// The numbers and texts of a small message by their numbers.
fn parts(mut bytes: &[u8]) -> Result<[(i64, String); 4], String> {
    let mut found: [(i64, String); 4] = Default::default();
    while !bytes.is_empty() {
        let tag = varint(&mut bytes)?;
        let place = usize::try_from(tag >> 3)
            .ok()
            .and_then(|it| found.get_mut(it))
            .ok_or("a value has a form that is not read")?;
        match tag & 7 {
            0 => place.0 = i64::from_le_bytes(varint(&mut bytes)?.to_le_bytes()),
            2 => place.1 = String::from_utf8_lossy(piece(&mut bytes)?).into_owned(),
            _ => return Err("a value has a form that is not read".to_owned()),
        }
    }
    Ok(found)
}

fn value(sort: &str, bytes: &[u8]) -> Result<Value, String> {
    Ok(match sort {
        "s" => String::from_utf8_lossy(bytes).into_owned().into(),
        "B" => base64::engine::general_purpose::STANDARD
            .encode(bytes)
            .into(),
        "Q" => parts(bytes)?[1].1.clone().into(),
        "I" => {
            let [_, sort, number, text] = parts(bytes)?;
            if sort.0 == 1 {
                text.1.into()
            } else {
                number.0.into()
            }
        }
        "T" => match parts(bytes)?[1].0 {
            0 => Value::Null,
            seconds => jiff::Timestamp::from_second(seconds)
                .map(super::object::stamp)
                .map_err(|error| error.to_string())?
                .into(),
        },
        name => message(name, bytes)?,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn field(number: u8, bytes: &[u8]) -> Vec<u8> {
        let mut made = vec![number << 3 | 2, u8::try_from(bytes.len()).unwrap()];
        made.extend(bytes);
        made
    }

    #[test]
    fn a_config_map_as_kubectl_sends_it() {
        let metadata = [
            field(1, b"a"),
            field(2, b""),
            vec![7 << 3, 0],
            field(8, b""),
        ]
        .concat();
        let entry = [field(1, b"key"), field(2, b"value")].concat();
        let map = [field(1, &metadata), field(2, &entry)].concat();
        let sort = [field(1, b"v1"), field(2, b"ConfigMap")].concat();
        let body = [
            MAGIC.to_vec(),
            field(1, &sort),
            field(2, &map),
            field(3, b""),
        ]
        .concat();
        assert_eq!(
            read(&body).unwrap(),
            json!({"metadata": {"name": "a"}, "data": {"key": "value"}, "apiVersion": "v1", "kind": "ConfigMap"})
        );
        assert!(read(&body[..body.len() - 5]).is_err());
        assert!(read(b"{}").is_err());
    }

    proptest::proptest! {
        #[test]
        fn nothing_makes_it_panic(bytes: Vec<u8>) {
            for (name, _) in MESSAGES {
                let _ = message(name, &bytes);
            }
        }
    }
}
