//! `Settings`: what a simulated cluster was told about itself.

use std::net::IpAddr;

/// What the cluster was told about itself.
#[derive(Clone, Debug)]
pub struct Settings {
    /// The version that it says it has, such as `v1.36.5+k3s1`.
    pub version: String,
    /// The network of the pods.
    pub pods: ipnet::IpNet,
    /// The network of the services.
    pub services: ipnet::IpNet,
    /// The cluster's domain.
    pub domain: String,
    /// The authority's certificate, for `kube-root-ca.crt`.
    pub authority: String,
    /// Addresses of the servers, for the service `kubernetes`.
    pub address: IpAddr,
    /// The port of the API.
    pub port: u16,
    /// Components that are not to be there (`disable`).
    pub disabled: Vec<String>,
    /// The key that signs tokens of service accounts.
    pub signing: Vec<u8>,
}

impl Settings {
    /// As a cluster that was told nothing.
    pub fn plain(version: &str) -> Settings {
        Settings {
            version: version.to_owned(),
            pods: ipnet::IpNet::V4(ipnet::Ipv4Net::new_assert([10, 42, 0, 0].into(), 16)),
            services: ipnet::IpNet::V4(ipnet::Ipv4Net::new_assert([10, 43, 0, 0].into(), 16)),
            domain: "cluster.local".to_owned(),
            authority: String::new(),
            address: IpAddr::from([127, 0, 0, 1]),
            port: 6443,
            disabled: Vec::new(),
            signing: vec![0; 32],
        }
    }

    /// Address number `at` of a network.
    pub fn nth(network: ipnet::IpNet, at: u32) -> IpAddr {
        match network {
            ipnet::IpNet::V4(net) => IpAddr::V4((u32::from(net.network()).wrapping_add(at)).into()),
            ipnet::IpNet::V6(net) => {
                IpAddr::V6((u128::from(net.network()).wrapping_add(u128::from(at))).into())
            }
        }
    }
}
