//! Network commands: API calls that change reachability, and calls that open a remote shell (domain reference 3.4).
//!
//! One line a call: service, action (`*` stands for any text at either end), class, and the request parameters of which one must be
//! present for calls that do other things as well (`ModifyInstanceAttribute` is a network command only where it sets groups).
//! Calls that only read are never network commands, whatever pattern they match; the few that are listed by their exact name although
//! CloudTrail marks them as reads open a shell.

use std::collections::HashMap;
use std::fmt;
use std::sync::LazyLock;

use serde::{Deserialize, Serialize};

use super::{action_name, is_read_only, reads_by_name, service_of};
use crate::outcome::Facts;

/// What a network command acts on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum NetworkClass {
    /// Opens a shell or runs commands on a machine or container.
    RemoteShell,
    /// Security groups and which interfaces wear them.
    SecurityGroup,
    /// Network ACLs.
    NetworkAcl,
    /// Whether a managed service can be reached from outside, and through which groups.
    PublicAccess,
    /// Route tables and prefix lists.
    Route,
    /// Internet, NAT and carrier gateways.
    Gateway,
    /// Public addresses.
    Address,
    /// Network interfaces and their private addresses.
    Interface,
    /// VPC peering.
    Peering,
    /// Transit gateways and Cloud WAN.
    TransitGateway,
    /// VPC endpoints and endpoint services.
    Endpoint,
    /// Site-to-site and client VPN, Verified Access.
    Vpn,
    /// Direct Connect.
    DirectConnect,
    /// VPCs and subnets.
    Vpc,
    /// Zones, records, resolvers and domains.
    Dns,
    /// Load balancers, listeners, targets.
    LoadBalancer,
    /// Network Firewall, Shield, Firewall Manager.
    Firewall,
    /// Web application firewalls.
    Waf,
    /// CloudFront, Global Accelerator, API Gateway.
    Edge,
    /// Traffic mirroring.
    Mirroring,
    /// Flow and DNS query logs: what will be seen of the network.
    FlowLogs,
}

impl NetworkClass {
    /// Every class, in the order reports show them: what a responder looks for first comes first.
    pub const ALL: [Self; 21] = [
        Self::RemoteShell,
        Self::SecurityGroup,
        Self::NetworkAcl,
        Self::PublicAccess,
        Self::Route,
        Self::Gateway,
        Self::Address,
        Self::Interface,
        Self::Peering,
        Self::TransitGateway,
        Self::Endpoint,
        Self::Vpn,
        Self::DirectConnect,
        Self::Vpc,
        Self::Dns,
        Self::LoadBalancer,
        Self::Firewall,
        Self::Waf,
        Self::Edge,
        Self::Mirroring,
        Self::FlowLogs,
    ];

    /// Its word in JSON and SQL.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::RemoteShell => "remote_shell",
            Self::SecurityGroup => "security_group",
            Self::NetworkAcl => "network_acl",
            Self::PublicAccess => "public_access",
            Self::Route => "route",
            Self::Gateway => "gateway",
            Self::Address => "address",
            Self::Interface => "interface",
            Self::Peering => "peering",
            Self::TransitGateway => "transit_gateway",
            Self::Endpoint => "endpoint",
            Self::Vpn => "vpn",
            Self::DirectConnect => "direct_connect",
            Self::Vpc => "vpc",
            Self::Dns => "dns",
            Self::LoadBalancer => "load_balancer",
            Self::Firewall => "firewall",
            Self::Waf => "waf",
            Self::Edge => "edge",
            Self::Mirroring => "mirroring",
            Self::FlowLogs => "flow_logs",
        }
    }

    /// Its heading in text.
    #[must_use]
    pub fn title(self) -> &'static str {
        match self {
            Self::RemoteShell => "Remote shells",
            Self::SecurityGroup => "Security groups",
            Self::NetworkAcl => "Network ACLs",
            Self::PublicAccess => "Reachability of services",
            Self::Route => "Routes",
            Self::Gateway => "Gateways",
            Self::Address => "Public addresses",
            Self::Interface => "Network interfaces",
            Self::Peering => "VPC peering",
            Self::TransitGateway => "Transit gateways",
            Self::Endpoint => "VPC endpoints",
            Self::Vpn => "VPN",
            Self::DirectConnect => "Direct Connect",
            Self::Vpc => "VPCs and subnets",
            Self::Dns => "DNS",
            Self::LoadBalancer => "Load balancers",
            Self::Firewall => "Firewalls",
            Self::Waf => "Web application firewalls",
            Self::Edge => "Edge and API gateways",
            Self::Mirroring => "Traffic mirroring",
            Self::FlowLogs => "Flow and DNS logs",
        }
    }
}

impl fmt::Display for NetworkClass {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

use NetworkClass::{
    Address, DirectConnect, Dns, Edge, Endpoint, Firewall, FlowLogs, Gateway, Interface, LoadBalancer, Mirroring, NetworkAcl, Peering,
    PublicAccess, RemoteShell, Route, SecurityGroup, TransitGateway, Vpc, Vpn, Waf,
};

type Row = (&'static str, &'static str, NetworkClass, &'static [&'static str]);

#[rustfmt::skip]
const CALLS: &[Row] = &[
    ("ec2", "AuthorizeSecurityGroupIngress", SecurityGroup, &[]),
    ("ec2", "AuthorizeSecurityGroupEgress", SecurityGroup, &[]),
    ("ec2", "RevokeSecurityGroupIngress", SecurityGroup, &[]),
    ("ec2", "RevokeSecurityGroupEgress", SecurityGroup, &[]),
    ("ec2", "ModifySecurityGroupRules", SecurityGroup, &[]),
    ("ec2", "UpdateSecurityGroupRuleDescriptionsIngress", SecurityGroup, &[]),
    ("ec2", "UpdateSecurityGroupRuleDescriptionsEgress", SecurityGroup, &[]),
    ("ec2", "CreateSecurityGroup", SecurityGroup, &[]),
    ("ec2", "DeleteSecurityGroup", SecurityGroup, &[]),
    ("ec2", "AssociateSecurityGroupVpc", SecurityGroup, &[]),
    ("ec2", "DisassociateSecurityGroupVpc", SecurityGroup, &[]),
    ("ec2", "ModifyInstanceAttribute", SecurityGroup, &["groupSet", "groupId", "GroupId", "groups"]),
    ("ec2", "ModifyNetworkInterfaceAttribute", SecurityGroup, &["groupSet", "groupId", "GroupId", "groups"]),
    ("rds", "AuthorizeDBSecurityGroupIngress", SecurityGroup, &[]),
    ("rds", "RevokeDBSecurityGroupIngress", SecurityGroup, &[]),
    ("rds", "CreateDBSecurityGroup", SecurityGroup, &[]),
    ("rds", "DeleteDBSecurityGroup", SecurityGroup, &[]),
    ("redshift", "AuthorizeClusterSecurityGroupIngress", SecurityGroup, &[]),
    ("redshift", "RevokeClusterSecurityGroupIngress", SecurityGroup, &[]),
    ("redshift", "CreateClusterSecurityGroup", SecurityGroup, &[]),
    ("redshift", "DeleteClusterSecurityGroup", SecurityGroup, &[]),
    ("elasticache", "AuthorizeCacheSecurityGroupIngress", SecurityGroup, &[]),
    ("elasticache", "RevokeCacheSecurityGroupIngress", SecurityGroup, &[]),
    ("ec2", "CreateNetworkAcl", NetworkAcl, &[]),
    ("ec2", "DeleteNetworkAcl", NetworkAcl, &[]),
    ("ec2", "CreateNetworkAclEntry", NetworkAcl, &[]),
    ("ec2", "DeleteNetworkAclEntry", NetworkAcl, &[]),
    ("ec2", "ReplaceNetworkAclEntry", NetworkAcl, &[]),
    ("ec2", "ReplaceNetworkAclAssociation", NetworkAcl, &[]),
    ("ec2", "CreateVpc", Vpc, &[]),
    ("ec2", "DeleteVpc", Vpc, &[]),
    ("ec2", "ModifyVpcAttribute", Vpc, &[]),
    ("ec2", "ModifyVpcTenancy", Vpc, &[]),
    ("ec2", "CreateDefaultVpc", Vpc, &[]),
    ("ec2", "AssociateVpcCidrBlock", Vpc, &[]),
    ("ec2", "DisassociateVpcCidrBlock", Vpc, &[]),
    ("ec2", "CreateSubnet", Vpc, &[]),
    ("ec2", "DeleteSubnet", Vpc, &[]),
    ("ec2", "ModifySubnetAttribute", Vpc, &[]),
    ("ec2", "CreateDefaultSubnet", Vpc, &[]),
    ("ec2", "AssociateSubnetCidrBlock", Vpc, &[]),
    ("ec2", "DisassociateSubnetCidrBlock", Vpc, &[]),
    ("ec2", "CreateDhcpOptions", Vpc, &[]),
    ("ec2", "DeleteDhcpOptions", Vpc, &[]),
    ("ec2", "AssociateDhcpOptions", Vpc, &[]),
    ("ec2", "ModifyVpcBlockPublicAccessOptions", Vpc, &[]),
    ("ec2", "CreateVpcBlockPublicAccessExclusion", Vpc, &[]),
    ("ec2", "ModifyVpcBlockPublicAccessExclusion", Vpc, &[]),
    ("ec2", "DeleteVpcBlockPublicAccessExclusion", Vpc, &[]),
    ("ec2", "*VpcEncryptionControl*", Vpc, &[]),
    ("ec2", "CreateSubnetCidrReservation", Vpc, &[]),
    ("ec2", "DeleteSubnetCidrReservation", Vpc, &[]),
    ("ec2", "*IpamPool*", Vpc, &[]),
    ("ec2", "AttachClassicLinkVpc", Vpc, &[]),
    ("ec2", "DetachClassicLinkVpc", Vpc, &[]),
    ("ec2", "EnableVpcClassicLink", Vpc, &[]),
    ("ec2", "DisableVpcClassicLink", Vpc, &[]),
    ("ec2", "CreateRouteTable", Route, &[]),
    ("ec2", "DeleteRouteTable", Route, &[]),
    ("ec2", "CreateRoute", Route, &[]),
    ("ec2", "DeleteRoute", Route, &[]),
    ("ec2", "ReplaceRoute", Route, &[]),
    ("ec2", "AssociateRouteTable", Route, &[]),
    ("ec2", "DisassociateRouteTable", Route, &[]),
    ("ec2", "ReplaceRouteTableAssociation", Route, &[]),
    ("ec2", "EnableVgwRoutePropagation", Route, &[]),
    ("ec2", "DisableVgwRoutePropagation", Route, &[]),
    ("ec2", "CreateManagedPrefixList", Route, &[]),
    ("ec2", "ModifyManagedPrefixList", Route, &[]),
    ("ec2", "DeleteManagedPrefixList", Route, &[]),
    ("ec2", "RestoreManagedPrefixListVersion", Route, &[]),
    ("ec2", "*LocalGatewayRoute*", Route, &[]),
    ("ec2", "CreateRouteServer*", Route, &[]),
    ("ec2", "DeleteRouteServer*", Route, &[]),
    ("ec2", "ModifyRouteServer*", Route, &[]),
    ("ec2", "AssociateRouteServer", Route, &[]),
    ("ec2", "DisassociateRouteServer", Route, &[]),
    ("ec2", "EnableRouteServerPropagation", Route, &[]),
    ("ec2", "DisableRouteServerPropagation", Route, &[]),
    ("ec2", "CreateInternetGateway", Gateway, &[]),
    ("ec2", "DeleteInternetGateway", Gateway, &[]),
    ("ec2", "AttachInternetGateway", Gateway, &[]),
    ("ec2", "DetachInternetGateway", Gateway, &[]),
    ("ec2", "CreateEgressOnlyInternetGateway", Gateway, &[]),
    ("ec2", "DeleteEgressOnlyInternetGateway", Gateway, &[]),
    ("ec2", "CreateNatGateway", Gateway, &[]),
    ("ec2", "DeleteNatGateway", Gateway, &[]),
    ("ec2", "AssignPrivateNatGatewayAddress", Gateway, &[]),
    ("ec2", "UnassignPrivateNatGatewayAddress", Gateway, &[]),
    ("ec2", "AssociateNatGatewayAddress", Gateway, &[]),
    ("ec2", "DisassociateNatGatewayAddress", Gateway, &[]),
    ("ec2", "CreateCarrierGateway", Gateway, &[]),
    ("ec2", "DeleteCarrierGateway", Gateway, &[]),
    ("ec2", "AllocateAddress", Address, &[]),
    ("ec2", "ReleaseAddress", Address, &[]),
    ("ec2", "AssociateAddress", Address, &[]),
    ("ec2", "DisassociateAddress", Address, &[]),
    ("ec2", "MoveAddressToVpc", Address, &[]),
    ("ec2", "RestoreAddressToClassic", Address, &[]),
    ("ec2", "ModifyAddressAttribute", Address, &[]),
    ("ec2", "ResetAddressAttribute", Address, &[]),
    ("ec2", "EnableAddressTransfer", Address, &[]),
    ("ec2", "DisableAddressTransfer", Address, &[]),
    ("ec2", "AcceptAddressTransfer", Address, &[]),
    ("ec2", "AdvertiseByoipCidr", Address, &[]),
    ("ec2", "WithdrawByoipCidr", Address, &[]),
    ("ec2", "ProvisionByoipCidr", Address, &[]),
    ("ec2", "DeprovisionByoipCidr", Address, &[]),
    ("ec2", "CreateNetworkInterface", Interface, &[]),
    ("ec2", "DeleteNetworkInterface", Interface, &[]),
    ("ec2", "AttachNetworkInterface", Interface, &[]),
    ("ec2", "DetachNetworkInterface", Interface, &[]),
    ("ec2", "AssignPrivateIpAddresses", Interface, &[]),
    ("ec2", "UnassignPrivateIpAddresses", Interface, &[]),
    ("ec2", "AssignIpv6Addresses", Interface, &[]),
    ("ec2", "UnassignIpv6Addresses", Interface, &[]),
    ("ec2", "CreateNetworkInterfacePermission", Interface, &[]),
    ("ec2", "DeleteNetworkInterfacePermission", Interface, &[]),
    ("ec2", "ResetNetworkInterfaceAttribute", Interface, &[]),
    ("ec2", "ModifyPublicIpDnsNameOptions", Interface, &[]),
    ("ec2", "ModifyNetworkInterfaceAttribute", Interface, &["sourceDestCheck", "associatePublicIpAddress", "AssociatePublicIpAddress", "attachment"]),
    ("ec2", "ModifyInstanceAttribute", Interface, &["sourceDestCheck", "associatePublicIpAddress", "AssociatePublicIpAddress", "attachment"]),
    ("ec2", "CreateVpcPeeringConnection", Peering, &[]),
    ("ec2", "AcceptVpcPeeringConnection", Peering, &[]),
    ("ec2", "RejectVpcPeeringConnection", Peering, &[]),
    ("ec2", "DeleteVpcPeeringConnection", Peering, &[]),
    ("ec2", "ModifyVpcPeeringConnectionOptions", Peering, &[]),
    ("ec2", "*TransitGateway*", TransitGateway, &[]),
    ("networkmanager", "PutCoreNetworkPolicy", TransitGateway, &[]),
    ("networkmanager", "ExecuteCoreNetworkChangeSet", TransitGateway, &[]),
    ("networkmanager", "RestoreCoreNetworkPolicyVersion", TransitGateway, &[]),
    ("networkmanager", "CreateCoreNetwork", TransitGateway, &[]),
    ("networkmanager", "DeleteCoreNetwork", TransitGateway, &[]),
    ("networkmanager", "*Attachment*", TransitGateway, &[]),
    ("networkmanager", "CreateConnectPeer", TransitGateway, &[]),
    ("networkmanager", "DeleteConnectPeer", TransitGateway, &[]),
    ("ec2", "CreateVpcEndpoint", Endpoint, &[]),
    ("ec2", "ModifyVpcEndpoint", Endpoint, &[]),
    ("ec2", "DeleteVpcEndpoints", Endpoint, &[]),
    ("ec2", "CreateVpcEndpointServiceConfiguration", Endpoint, &[]),
    ("ec2", "ModifyVpcEndpointServiceConfiguration", Endpoint, &[]),
    ("ec2", "DeleteVpcEndpointServiceConfigurations", Endpoint, &[]),
    ("ec2", "ModifyVpcEndpointServicePermissions", Endpoint, &[]),
    ("ec2", "ModifyVpcEndpointServicePayerResponsibility", Endpoint, &[]),
    ("ec2", "AcceptVpcEndpointConnections", Endpoint, &[]),
    ("ec2", "RejectVpcEndpointConnections", Endpoint, &[]),
    ("ec2", "StartVpcEndpointServicePrivateDnsVerification", Endpoint, &[]),
    ("vpc-lattice", "CreateServiceNetwork*", Endpoint, &[]),
    ("vpc-lattice", "DeleteServiceNetwork*", Endpoint, &[]),
    ("vpc-lattice", "UpdateServiceNetwork*", Endpoint, &[]),
    ("vpc-lattice", "CreateService", Endpoint, &[]),
    ("vpc-lattice", "UpdateService", Endpoint, &[]),
    ("vpc-lattice", "DeleteService", Endpoint, &[]),
    ("vpc-lattice", "CreateListener", Endpoint, &[]),
    ("vpc-lattice", "UpdateListener", Endpoint, &[]),
    ("vpc-lattice", "DeleteListener", Endpoint, &[]),
    ("vpc-lattice", "CreateRule", Endpoint, &[]),
    ("vpc-lattice", "UpdateRule", Endpoint, &[]),
    ("vpc-lattice", "DeleteRule", Endpoint, &[]),
    ("vpc-lattice", "RegisterTargets", Endpoint, &[]),
    ("vpc-lattice", "DeregisterTargets", Endpoint, &[]),
    ("vpc-lattice", "PutAuthPolicy", Endpoint, &[]),
    ("vpc-lattice", "DeleteAuthPolicy", Endpoint, &[]),
    ("vpc-lattice", "PutResourcePolicy", Endpoint, &[]),
    ("vpc-lattice", "CreateResourceGateway", Endpoint, &[]),
    ("vpc-lattice", "CreateResourceConfiguration", Endpoint, &[]),
    ("ec2", "CreateVpnGateway", Vpn, &[]),
    ("ec2", "DeleteVpnGateway", Vpn, &[]),
    ("ec2", "AttachVpnGateway", Vpn, &[]),
    ("ec2", "DetachVpnGateway", Vpn, &[]),
    ("ec2", "CreateVpnConnection", Vpn, &[]),
    ("ec2", "DeleteVpnConnection", Vpn, &[]),
    ("ec2", "ModifyVpnConnection", Vpn, &[]),
    ("ec2", "ModifyVpnConnectionOptions", Vpn, &[]),
    ("ec2", "CreateVpnConnectionRoute", Vpn, &[]),
    ("ec2", "DeleteVpnConnectionRoute", Vpn, &[]),
    ("ec2", "ModifyVpnTunnelOptions", Vpn, &[]),
    ("ec2", "ModifyVpnTunnelCertificate", Vpn, &[]),
    ("ec2", "CreateCustomerGateway", Vpn, &[]),
    ("ec2", "DeleteCustomerGateway", Vpn, &[]),
    ("ec2", "*ClientVpnEndpoint*", Vpn, &[]),
    ("ec2", "AuthorizeClientVpnIngress", Vpn, &[]),
    ("ec2", "RevokeClientVpnIngress", Vpn, &[]),
    ("ec2", "*ClientVpnRoute*", Vpn, &[]),
    ("ec2", "*ClientVpnTargetNetwork*", Vpn, &[]),
    ("ec2", "ImportClientVpnClientCertificateRevocationList", Vpn, &[]),
    ("ec2", "ApplySecurityGroupsToClientVpnTargetNetwork", Vpn, &[]),
    ("ec2", "*VerifiedAccess*", Vpn, &[]),
    ("directconnect", "CreateConnection", DirectConnect, &[]),
    ("directconnect", "DeleteConnection", DirectConnect, &[]),
    ("directconnect", "UpdateConnection", DirectConnect, &[]),
    ("directconnect", "ConfirmConnection", DirectConnect, &[]),
    ("directconnect", "AllocateHostedConnection", DirectConnect, &[]),
    ("directconnect", "*VirtualInterface*", DirectConnect, &[]),
    ("directconnect", "*DirectConnectGateway*", DirectConnect, &[]),
    ("directconnect", "*Lag", DirectConnect, &[]),
    ("directconnect", "CreateBGPPeer", DirectConnect, &[]),
    ("directconnect", "DeleteBGPPeer", DirectConnect, &[]),
    ("ec2", "*TrafficMirror*", Mirroring, &[]),
    ("route53", "ChangeResourceRecordSets", Dns, &[]),
    ("route53", "CreateHostedZone", Dns, &[]),
    ("route53", "DeleteHostedZone", Dns, &[]),
    ("route53", "AssociateVPCWithHostedZone", Dns, &[]),
    ("route53", "DisassociateVPCFromHostedZone", Dns, &[]),
    ("route53", "CreateVPCAssociationAuthorization", Dns, &[]),
    ("route53", "DeleteVPCAssociationAuthorization", Dns, &[]),
    ("route53", "*TrafficPolicy*", Dns, &[]),
    ("route53", "DisableHostedZoneDNSSEC", Dns, &[]),
    ("route53", "EnableHostedZoneDNSSEC", Dns, &[]),
    ("route53", "CreateKeySigningKey", Dns, &[]),
    ("route53", "DeactivateKeySigningKey", Dns, &[]),
    ("route53", "DeleteKeySigningKey", Dns, &[]),
    ("route53", "ActivateKeySigningKey", Dns, &[]),
    ("route53domains", "UpdateDomainNameservers", Dns, &[]),
    ("route53domains", "TransferDomain*", Dns, &[]),
    ("route53domains", "DisableDomainTransferLock", Dns, &[]),
    ("route53domains", "RegisterDomain", Dns, &[]),
    ("route53domains", "DeleteDomain", Dns, &[]),
    ("route53domains", "AcceptDomainTransferFromAnotherAwsAccount", Dns, &[]),
    ("route53domains", "UpdateDomainContact", Dns, &[]),
    ("route53domains", "RetrieveDomainAuthCode", Dns, &[]),
    ("route53resolver", "CreateResolverEndpoint", Dns, &[]),
    ("route53resolver", "UpdateResolverEndpoint", Dns, &[]),
    ("route53resolver", "DeleteResolverEndpoint", Dns, &[]),
    ("route53resolver", "AssociateResolverEndpointIpAddress", Dns, &[]),
    ("route53resolver", "DisassociateResolverEndpointIpAddress", Dns, &[]),
    ("route53resolver", "CreateResolverRule", Dns, &[]),
    ("route53resolver", "UpdateResolverRule", Dns, &[]),
    ("route53resolver", "DeleteResolverRule", Dns, &[]),
    ("route53resolver", "AssociateResolverRule", Dns, &[]),
    ("route53resolver", "DisassociateResolverRule", Dns, &[]),
    ("route53resolver", "PutResolverRulePolicy", Dns, &[]),
    ("route53resolver", "CreateFirewallRule", Dns, &[]),
    ("route53resolver", "UpdateFirewallRule", Dns, &[]),
    ("route53resolver", "DeleteFirewallRule", Dns, &[]),
    ("route53resolver", "CreateFirewallRuleGroup", Dns, &[]),
    ("route53resolver", "DeleteFirewallRuleGroup", Dns, &[]),
    ("route53resolver", "AssociateFirewallRuleGroup", Dns, &[]),
    ("route53resolver", "DisassociateFirewallRuleGroup", Dns, &[]),
    ("route53resolver", "UpdateFirewallRuleGroupAssociation", Dns, &[]),
    ("route53resolver", "UpdateFirewallConfig", Dns, &[]),
    ("route53resolver", "CreateFirewallDomainList", Dns, &[]),
    ("route53resolver", "UpdateFirewallDomains", Dns, &[]),
    ("route53resolver", "ImportFirewallDomains", Dns, &[]),
    ("route53resolver", "DeleteFirewallDomainList", Dns, &[]),
    ("route53resolver", "UpdateResolverConfig", Dns, &[]),
    ("servicediscovery", "CreatePrivateDnsNamespace", Dns, &[]),
    ("servicediscovery", "CreatePublicDnsNamespace", Dns, &[]),
    ("elasticloadbalancing", "CreateLoadBalancer", LoadBalancer, &[]),
    ("elasticloadbalancing", "DeleteLoadBalancer", LoadBalancer, &[]),
    ("elasticloadbalancing", "CreateListener", LoadBalancer, &[]),
    ("elasticloadbalancing", "ModifyListener", LoadBalancer, &[]),
    ("elasticloadbalancing", "DeleteListener", LoadBalancer, &[]),
    ("elasticloadbalancing", "CreateRule", LoadBalancer, &[]),
    ("elasticloadbalancing", "ModifyRule", LoadBalancer, &[]),
    ("elasticloadbalancing", "DeleteRule", LoadBalancer, &[]),
    ("elasticloadbalancing", "SetRulePriorities", LoadBalancer, &[]),
    ("elasticloadbalancing", "SetSecurityGroups", LoadBalancer, &[]),
    ("elasticloadbalancing", "SetSubnets", LoadBalancer, &[]),
    ("elasticloadbalancing", "SetIpAddressType", LoadBalancer, &[]),
    ("elasticloadbalancing", "ModifyLoadBalancerAttributes", LoadBalancer, &[]),
    ("elasticloadbalancing", "ModifyListenerAttributes", LoadBalancer, &[]),
    ("elasticloadbalancing", "RegisterTargets", LoadBalancer, &[]),
    ("elasticloadbalancing", "DeregisterTargets", LoadBalancer, &[]),
    ("elasticloadbalancing", "CreateTargetGroup", LoadBalancer, &[]),
    ("elasticloadbalancing", "ModifyTargetGroup", LoadBalancer, &[]),
    ("elasticloadbalancing", "ModifyTargetGroupAttributes", LoadBalancer, &[]),
    ("elasticloadbalancing", "DeleteTargetGroup", LoadBalancer, &[]),
    ("elasticloadbalancing", "AddListenerCertificates", LoadBalancer, &[]),
    ("elasticloadbalancing", "RemoveListenerCertificates", LoadBalancer, &[]),
    ("elasticloadbalancing", "ApplySecurityGroupsToLoadBalancer", LoadBalancer, &[]),
    ("elasticloadbalancing", "AttachLoadBalancerToSubnets", LoadBalancer, &[]),
    ("elasticloadbalancing", "DetachLoadBalancerFromSubnets", LoadBalancer, &[]),
    ("elasticloadbalancing", "EnableAvailabilityZonesForLoadBalancer", LoadBalancer, &[]),
    ("elasticloadbalancing", "DisableAvailabilityZonesForLoadBalancer", LoadBalancer, &[]),
    ("elasticloadbalancing", "RegisterInstancesWithLoadBalancer", LoadBalancer, &[]),
    ("elasticloadbalancing", "DeregisterInstancesFromLoadBalancer", LoadBalancer, &[]),
    ("elasticloadbalancing", "ConfigureHealthCheck", LoadBalancer, &[]),
    ("elasticloadbalancing", "CreateLoadBalancerListeners", LoadBalancer, &[]),
    ("elasticloadbalancing", "DeleteLoadBalancerListeners", LoadBalancer, &[]),
    ("elasticloadbalancing", "SetLoadBalancerListenerSSLCertificate", LoadBalancer, &[]),
    ("elasticloadbalancing", "SetLoadBalancerPoliciesOfListener", LoadBalancer, &[]),
    ("elasticloadbalancing", "SetLoadBalancerPoliciesForBackendServer", LoadBalancer, &[]),
    ("network-firewall", "CreateFirewall", Firewall, &[]),
    ("network-firewall", "DeleteFirewall", Firewall, &[]),
    ("network-firewall", "CreateFirewallPolicy", Firewall, &[]),
    ("network-firewall", "UpdateFirewallPolicy*", Firewall, &[]),
    ("network-firewall", "DeleteFirewallPolicy", Firewall, &[]),
    ("network-firewall", "AssociateFirewallPolicy", Firewall, &[]),
    ("network-firewall", "CreateRuleGroup", Firewall, &[]),
    ("network-firewall", "UpdateRuleGroup", Firewall, &[]),
    ("network-firewall", "DeleteRuleGroup", Firewall, &[]),
    ("network-firewall", "AssociateSubnets", Firewall, &[]),
    ("network-firewall", "DisassociateSubnets", Firewall, &[]),
    ("network-firewall", "AssociateAvailabilityZones", Firewall, &[]),
    ("network-firewall", "DisassociateAvailabilityZones", Firewall, &[]),
    ("network-firewall", "UpdateFirewallDeleteProtection", Firewall, &[]),
    ("network-firewall", "UpdateSubnetChangeProtection", Firewall, &[]),
    ("network-firewall", "UpdateLoggingConfiguration", Firewall, &[]),
    ("network-firewall", "*TLSInspectionConfiguration*", Firewall, &[]),
    ("network-firewall", "CreateVpcEndpointAssociation", Firewall, &[]),
    ("network-firewall", "DeleteVpcEndpointAssociation", Firewall, &[]),
    ("network-firewall", "PutResourcePolicy", Firewall, &[]),
    ("network-firewall", "DeleteResourcePolicy", Firewall, &[]),
    ("fms", "PutPolicy", Firewall, &[]),
    ("fms", "DeletePolicy", Firewall, &[]),
    ("fms", "AssociateAdminAccount", Firewall, &[]),
    ("fms", "DisassociateAdminAccount", Firewall, &[]),
    ("shield", "DeleteProtection", Firewall, &[]),
    ("shield", "CreateProtection", Firewall, &[]),
    ("shield", "DisassociateDRTRole", Firewall, &[]),
    ("shield", "DisassociateDRTLogBucket", Firewall, &[]),
    ("shield", "DeleteSubscription", Firewall, &[]),
    ("wafv2", "CreateWebACL", Waf, &[]),
    ("wafv2", "UpdateWebACL", Waf, &[]),
    ("wafv2", "DeleteWebACL", Waf, &[]),
    ("wafv2", "CreateIPSet", Waf, &[]),
    ("wafv2", "UpdateIPSet", Waf, &[]),
    ("wafv2", "DeleteIPSet", Waf, &[]),
    ("wafv2", "CreateRuleGroup", Waf, &[]),
    ("wafv2", "UpdateRuleGroup", Waf, &[]),
    ("wafv2", "DeleteRuleGroup", Waf, &[]),
    ("wafv2", "CreateRegexPatternSet", Waf, &[]),
    ("wafv2", "UpdateRegexPatternSet", Waf, &[]),
    ("wafv2", "DeleteRegexPatternSet", Waf, &[]),
    ("wafv2", "AssociateWebACL", Waf, &[]),
    ("wafv2", "DisassociateWebACL", Waf, &[]),
    ("wafv2", "PutLoggingConfiguration", Waf, &[]),
    ("wafv2", "DeleteLoggingConfiguration", Waf, &[]),
    ("wafv2", "DeleteFirewallManagerRuleGroups", Waf, &[]),
    ("wafv2", "PutPermissionPolicy", Waf, &[]),
    ("waf", "CreateWebACL", Waf, &[]),
    ("waf", "UpdateWebACL", Waf, &[]),
    ("waf", "DeleteWebACL", Waf, &[]),
    ("waf", "CreateIPSet", Waf, &[]),
    ("waf", "UpdateIPSet", Waf, &[]),
    ("waf", "DeleteIPSet", Waf, &[]),
    ("waf", "CreateRule", Waf, &[]),
    ("waf", "UpdateRule", Waf, &[]),
    ("waf", "DeleteRule", Waf, &[]),
    ("waf", "CreateRuleGroup", Waf, &[]),
    ("waf", "UpdateRuleGroup", Waf, &[]),
    ("waf", "DeleteRuleGroup", Waf, &[]),
    ("waf", "CreateRateBasedRule", Waf, &[]),
    ("waf", "UpdateRateBasedRule", Waf, &[]),
    ("waf", "DeleteRateBasedRule", Waf, &[]),
    ("waf", "AssociateWebACL", Waf, &[]),
    ("waf", "DisassociateWebACL", Waf, &[]),
    ("waf", "PutLoggingConfiguration", Waf, &[]),
    ("waf", "DeleteLoggingConfiguration", Waf, &[]),
    ("waf-regional", "CreateWebACL", Waf, &[]),
    ("waf-regional", "UpdateWebACL", Waf, &[]),
    ("waf-regional", "DeleteWebACL", Waf, &[]),
    ("waf-regional", "CreateIPSet", Waf, &[]),
    ("waf-regional", "UpdateIPSet", Waf, &[]),
    ("waf-regional", "DeleteIPSet", Waf, &[]),
    ("waf-regional", "CreateRule", Waf, &[]),
    ("waf-regional", "UpdateRule", Waf, &[]),
    ("waf-regional", "DeleteRule", Waf, &[]),
    ("waf-regional", "CreateRuleGroup", Waf, &[]),
    ("waf-regional", "UpdateRuleGroup", Waf, &[]),
    ("waf-regional", "DeleteRuleGroup", Waf, &[]),
    ("waf-regional", "CreateRateBasedRule", Waf, &[]),
    ("waf-regional", "UpdateRateBasedRule", Waf, &[]),
    ("waf-regional", "DeleteRateBasedRule", Waf, &[]),
    ("waf-regional", "AssociateWebACL", Waf, &[]),
    ("waf-regional", "DisassociateWebACL", Waf, &[]),
    ("waf-regional", "PutLoggingConfiguration", Waf, &[]),
    ("waf-regional", "DeleteLoggingConfiguration", Waf, &[]),
    ("globalaccelerator", "CreateAccelerator", Edge, &[]),
    ("globalaccelerator", "UpdateAccelerator", Edge, &[]),
    ("globalaccelerator", "DeleteAccelerator", Edge, &[]),
    ("globalaccelerator", "CreateListener", Edge, &[]),
    ("globalaccelerator", "UpdateListener", Edge, &[]),
    ("globalaccelerator", "DeleteListener", Edge, &[]),
    ("globalaccelerator", "CreateEndpointGroup", Edge, &[]),
    ("globalaccelerator", "UpdateEndpointGroup", Edge, &[]),
    ("globalaccelerator", "DeleteEndpointGroup", Edge, &[]),
    ("globalaccelerator", "AddEndpoints", Edge, &[]),
    ("globalaccelerator", "RemoveEndpoints", Edge, &[]),
    ("globalaccelerator", "*CustomRouting*", Edge, &[]),
    ("cloudfront", "CreateDistribution", Edge, &[]),
    ("cloudfront", "CreateDistributionWithTags", Edge, &[]),
    ("cloudfront", "UpdateDistribution", Edge, &[]),
    ("cloudfront", "DeleteDistribution", Edge, &[]),
    ("cloudfront", "CreateStreamingDistribution", Edge, &[]),
    ("cloudfront", "*OriginAccessControl*", Edge, &[]),
    ("cloudfront", "CreateVpcOrigin", Edge, &[]),
    ("cloudfront", "UpdateVpcOrigin", Edge, &[]),
    ("cloudfront", "DeleteVpcOrigin", Edge, &[]),
    ("cloudfront", "AssociateAlias", Edge, &[]),
    ("cloudfront", "PublishFunction", Edge, &[]),
    ("cloudfront", "UpdateFunction", Edge, &[]),
    ("cloudfront", "CreateFunction", Edge, &[]),
    ("apigateway", "CreateDomainName", Edge, &[]),
    ("apigateway", "UpdateDomainName", Edge, &[]),
    ("apigateway", "DeleteDomainName", Edge, &[]),
    ("apigateway", "UpdateRestApiPolicy", Edge, &[]),
    ("apigateway", "CreateVpcLink", Edge, &[]),
    ("apigateway", "UpdateVpcLink", Edge, &[]),
    ("apigateway", "DeleteVpcLink", Edge, &[]),
    ("apigateway", "CreateRestApi", Edge, &[]),
    ("apigateway", "UpdateRestApi", Edge, &[]),
    ("apigateway", "DeleteRestApi", Edge, &[]),
    ("apigateway", "ImportRestApi", Edge, &[]),
    ("apigateway", "PutRestApi", Edge, &[]),
    ("apigateway", "CreateApi", Edge, &[]),
    ("apigateway", "UpdateApi", Edge, &[]),
    ("apigateway", "DeleteApi", Edge, &[]),
    ("apigateway", "ImportApi", Edge, &[]),
    ("apigateway", "ReimportApi", Edge, &[]),
    ("apigateway", "CreateRoute", Edge, &[]),
    ("apigateway", "UpdateRoute", Edge, &[]),
    ("apigateway", "DeleteRoute", Edge, &[]),
    ("apigateway", "CreateStage", Edge, &[]),
    ("apigateway", "UpdateStage", Edge, &[]),
    ("apigateway", "DeleteStage", Edge, &[]),
    ("apigateway", "CreateDeployment", Edge, &[]),
    ("apigateway", "CreateIntegration", Edge, &[]),
    ("apigateway", "UpdateIntegration", Edge, &[]),
    ("apigateway", "DeleteIntegration", Edge, &[]),
    ("apigateway", "CreateBasePathMapping", Edge, &[]),
    ("apigateway", "CreateApiMapping", Edge, &[]),
    ("rds", "CreateDBInstance", PublicAccess, &["publiclyAccessible", "vpcSecurityGroupIds", "dBSubnetGroupName"]),
    ("rds", "CreateDBInstanceReadReplica", PublicAccess, &["publiclyAccessible", "vpcSecurityGroupIds", "dBSubnetGroupName"]),
    ("rds", "RestoreDBInstanceFromDBSnapshot", PublicAccess, &["publiclyAccessible", "vpcSecurityGroupIds", "dBSubnetGroupName"]),
    ("rds", "RestoreDBInstanceToPointInTime", PublicAccess, &["publiclyAccessible", "vpcSecurityGroupIds", "dBSubnetGroupName"]),
    ("rds", "RestoreDBInstanceFromS3", PublicAccess, &["publiclyAccessible", "vpcSecurityGroupIds", "dBSubnetGroupName"]),
    ("rds", "ModifyDBInstance", PublicAccess, &["publiclyAccessible", "vpcSecurityGroupIds", "dBSubnetGroupName"]),
    ("rds", "CreateDBCluster", PublicAccess, &["publiclyAccessible", "vpcSecurityGroupIds", "dBSubnetGroupName"]),
    ("rds", "ModifyDBCluster", PublicAccess, &["publiclyAccessible", "vpcSecurityGroupIds", "dBSubnetGroupName"]),
    ("rds", "RestoreDBClusterFromSnapshot", PublicAccess, &["publiclyAccessible", "vpcSecurityGroupIds", "dBSubnetGroupName"]),
    ("rds", "RestoreDBClusterToPointInTime", PublicAccess, &["publiclyAccessible", "vpcSecurityGroupIds", "dBSubnetGroupName"]),
    ("rds", "CreateDBSubnetGroup", PublicAccess, &[]),
    ("rds", "ModifyDBSubnetGroup", PublicAccess, &[]),
    ("rds", "DeleteDBSubnetGroup", PublicAccess, &[]),
    ("redshift", "CreateCluster", PublicAccess, &["publiclyAccessible", "vpcSecurityGroupIds", "elasticIp", "enhancedVpcRouting"]),
    ("redshift", "ModifyCluster", PublicAccess, &["publiclyAccessible", "vpcSecurityGroupIds", "elasticIp", "enhancedVpcRouting"]),
    ("redshift", "RestoreFromClusterSnapshot", PublicAccess, &["publiclyAccessible", "vpcSecurityGroupIds", "elasticIp", "enhancedVpcRouting"]),
    ("redshift", "CreateEndpointAccess", PublicAccess, &[]),
    ("redshift", "ModifyEndpointAccess", PublicAccess, &[]),
    ("redshift", "AuthorizeEndpointAccess", PublicAccess, &[]),
    ("redshift", "RevokeEndpointAccess", PublicAccess, &[]),
    ("redshift-serverless", "CreateWorkgroup", PublicAccess, &["publiclyAccessible", "securityGroupIds"]),
    ("redshift-serverless", "UpdateWorkgroup", PublicAccess, &["publiclyAccessible", "securityGroupIds"]),
    ("eks", "CreateCluster", PublicAccess, &["resourcesVpcConfig"]),
    ("eks", "UpdateClusterConfig", PublicAccess, &["resourcesVpcConfig"]),
    ("es", "CreateDomain", PublicAccess, &["vPCOptions", "VPCOptions", "vpcOptions", "accessPolicies"]),
    ("es", "CreateElasticsearchDomain", PublicAccess, &["vPCOptions", "VPCOptions", "vpcOptions", "accessPolicies"]),
    ("es", "UpdateDomainConfig", PublicAccess, &["vPCOptions", "VPCOptions", "vpcOptions", "accessPolicies"]),
    ("es", "UpdateElasticsearchDomainConfig", PublicAccess, &["vPCOptions", "VPCOptions", "vpcOptions", "accessPolicies"]),
    ("es", "CreateVpcEndpoint", PublicAccess, &[]),
    ("es", "UpdateVpcEndpoint", PublicAccess, &[]),
    ("es", "DeleteVpcEndpoint", PublicAccess, &[]),
    ("es", "AuthorizeVpcEndpointAccess", PublicAccess, &[]),
    ("es", "RevokeVpcEndpointAccess", PublicAccess, &[]),
    ("aoss", "CreateSecurityPolicy", PublicAccess, &["network"]),
    ("aoss", "UpdateSecurityPolicy", PublicAccess, &["network"]),
    ("kafka", "UpdateConnectivity", PublicAccess, &[]),
    ("kafka", "CreateVpcConnection", PublicAccess, &[]),
    ("kafka", "PutClusterPolicy", PublicAccess, &[]),
    ("lambda", "CreateFunctionUrlConfig", PublicAccess, &[]),
    ("lambda", "UpdateFunctionUrlConfig", PublicAccess, &[]),
    ("lambda", "DeleteFunctionUrlConfig", PublicAccess, &[]),
    ("lambda", "CreateFunction", PublicAccess, &["vpcConfig"]),
    ("lambda", "UpdateFunctionConfiguration", PublicAccess, &["vpcConfig"]),
    ("elasticache", "CreateReplicationGroup", PublicAccess, &["securityGroupIds", "cacheSubnetGroupName"]),
    ("elasticache", "ModifyReplicationGroup", PublicAccess, &["securityGroupIds", "cacheSubnetGroupName"]),
    ("elasticache", "CreateCacheCluster", PublicAccess, &["securityGroupIds", "cacheSubnetGroupName"]),
    ("elasticache", "ModifyCacheCluster", PublicAccess, &["securityGroupIds", "cacheSubnetGroupName"]),
    ("transfer", "CreateServer", PublicAccess, &["endpointType", "endpointDetails"]),
    ("transfer", "UpdateServer", PublicAccess, &["endpointType", "endpointDetails"]),
    ("dms", "CreateReplicationInstance", PublicAccess, &["publiclyAccessible", "vpcSecurityGroupIds"]),
    ("dms", "ModifyReplicationInstance", PublicAccess, &["publiclyAccessible", "vpcSecurityGroupIds"]),
    ("sagemaker", "CreateNotebookInstance", PublicAccess, &["directInternetAccess", "securityGroupIds"]),
    ("sagemaker", "UpdateNotebookInstance", PublicAccess, &["directInternetAccess", "securityGroupIds"]),
    ("lightsail", "OpenInstancePublicPorts", PublicAccess, &[]),
    ("lightsail", "CloseInstancePublicPorts", PublicAccess, &[]),
    ("lightsail", "PutInstancePublicPorts", PublicAccess, &[]),
    ("lightsail", "AttachStaticIp", PublicAccess, &[]),
    ("lightsail", "DetachStaticIp", PublicAccess, &[]),
    ("lightsail", "PeerVpc", PublicAccess, &[]),
    ("lightsail", "UnpeerVpc", PublicAccess, &[]),
    ("lightsail", "UpdateRelationalDatabase", PublicAccess, &[]),
    ("lightsail", "CreateDomainEntry", PublicAccess, &[]),
    ("lightsail", "UpdateDomainEntry", PublicAccess, &[]),
    ("lightsail", "DeleteDomainEntry", PublicAccess, &[]),
    ("emr", "PutBlockPublicAccessConfiguration", PublicAccess, &[]),
    ("elasticmapreduce", "PutBlockPublicAccessConfiguration", PublicAccess, &[]),
    ("ecs", "CreateService", PublicAccess, &["assignPublicIp", "awsvpcConfiguration"]),
    ("ecs", "UpdateService", PublicAccess, &["assignPublicIp", "awsvpcConfiguration"]),
    ("ecs", "RunTask", PublicAccess, &["assignPublicIp", "awsvpcConfiguration"]),
    ("autoscaling", "CreateLaunchConfiguration", PublicAccess, &["associatePublicIpAddress"]),
    ("ec2", "RunInstances", PublicAccess, &["associatePublicIpAddress", "AssociatePublicIpAddress"]),
    ("ec2", "CreateLaunchTemplate", PublicAccess, &["associatePublicIpAddress", "AssociatePublicIpAddress"]),
    ("ec2", "CreateLaunchTemplateVersion", PublicAccess, &["associatePublicIpAddress", "AssociatePublicIpAddress"]),
    ("ec2", "CreateFlowLogs", FlowLogs, &[]),
    ("ec2", "DeleteFlowLogs", FlowLogs, &[]),
    ("route53resolver", "CreateResolverQueryLogConfig", FlowLogs, &[]),
    ("route53resolver", "DeleteResolverQueryLogConfig", FlowLogs, &[]),
    ("route53resolver", "AssociateResolverQueryLogConfig", FlowLogs, &[]),
    ("route53resolver", "DisassociateResolverQueryLogConfig", FlowLogs, &[]),
    ("route53", "CreateQueryLoggingConfig", FlowLogs, &[]),
    ("route53", "DeleteQueryLoggingConfig", FlowLogs, &[]),
    ("ssm", "StartSession", RemoteShell, &[]),
    ("ssm", "ResumeSession", RemoteShell, &[]),
    ("ssm", "TerminateSession", RemoteShell, &[]),
    ("ssm", "SendCommand", RemoteShell, &[]),
    ("ssm", "CancelCommand", RemoteShell, &[]),
    ("ssm", "StartAutomationExecution", RemoteShell, &[]),
    ("ssm", "StartAssociationsOnce", RemoteShell, &[]),
    ("ssm", "CreateAssociation", RemoteShell, &[]),
    ("ssm", "CreateAssociationBatch", RemoteShell, &[]),
    ("ssm", "UpdateAssociation", RemoteShell, &[]),
    ("ssm", "StartChangeRequestExecution", RemoteShell, &[]),
    ("ssm", "CreateActivation", RemoteShell, &[]),
    ("ssm-guiconnect", "StartConnection", RemoteShell, &[]),
    ("ssm-guiconnect", "GetConnection", RemoteShell, &[]),
    ("ssm-guiconnect", "CancelConnection", RemoteShell, &[]),
    ("ec2-instance-connect", "SendSSHPublicKey", RemoteShell, &[]),
    ("ec2-instance-connect", "SendSerialConsoleSSHPublicKey", RemoteShell, &[]),
    ("ec2-instance-connect", "OpenTunnel", RemoteShell, &[]),
    ("ec2", "CreateInstanceConnectEndpoint", RemoteShell, &[]),
    ("ec2", "DeleteInstanceConnectEndpoint", RemoteShell, &[]),
    ("ec2", "ModifyInstanceConnectEndpoint", RemoteShell, &[]),
    ("ec2", "EnableSerialConsoleAccess", RemoteShell, &[]),
    ("ec2", "DisableSerialConsoleAccess", RemoteShell, &[]),
    ("ecs", "ExecuteCommand", RemoteShell, &[]),
    ("cloudshell", "CreateEnvironment", RemoteShell, &[]),
    ("cloudshell", "CreateSession", RemoteShell, &[]),
    ("cloudshell", "StartEnvironment", RemoteShell, &[]),
    ("cloudshell", "PutCredentials", RemoteShell, &[]),
    ("cloudshell", "RedeemCode", RemoteShell, &[]),
    ("cloudshell", "GetFileDownloadUrls", RemoteShell, &[]),
    ("cloudshell", "GetFileUploadUrls", RemoteShell, &[]),
    ("cloud9", "CreateEnvironmentSSH", RemoteShell, &[]),
    ("cloud9", "CreateEnvironmentEC2", RemoteShell, &[]),
    ("cloud9", "CreateEnvironmentMembership", RemoteShell, &[]),
    ("cloud9", "UpdateEnvironmentMembership", RemoteShell, &[]),
    ("cloud9", "CreateEnvironmentToken", RemoteShell, &[]),
    ("sagemaker", "CreatePresignedNotebookInstanceUrl", RemoteShell, &[]),
    ("sagemaker", "CreatePresignedDomainUrl", RemoteShell, &[]),
    ("sagemaker", "StartSession", RemoteShell, &[]),
    ("lightsail", "GetInstanceAccessDetails", RemoteShell, &[]),
    ("elasticbeanstalk", "RequestEnvironmentInfo", RemoteShell, &[]),
    ("iotsecuretunneling", "OpenTunnel", RemoteShell, &[]),
    ("iotsecuretunneling", "RotateTunnelAccessToken", RemoteShell, &[]),
];

/// The rows of one service and exact action, and the rows with patterns.
struct Index {
    exact: HashMap<(&'static str, &'static str), Vec<&'static Row>>,
    patterns: Vec<&'static Row>,
}

static INDEX: LazyLock<Index> = LazyLock::new(|| {
    let mut index = Index { exact: HashMap::new(), patterns: Vec::new() };
    for row in CALLS {
        if row.1.contains('*') {
            index.patterns.push(row);
        } else {
            index.exact.entry((row.0, row.1)).or_default().push(row);
        }
    }
    index
});

fn rows<'a>(source: &'a str, name: &'a str) -> impl Iterator<Item = &'static Row> + 'a {
    let (service, action) = (service_of(source), action_name(name));
    let exact = INDEX.exact.get(&(service, action)).map(Vec::as_slice).unwrap_or_default();
    let patterns = if reads_by_name(source, action) { &[] } else { INDEX.patterns.as_slice() };
    exact.iter().copied().chain(patterns.iter().copied().filter(move |row| row.0 == service && matches(row.1, action)))
}

fn matches(pattern: &str, action: &str) -> bool {
    match (pattern.strip_prefix('*'), pattern.strip_suffix('*')) {
        (Some(_), Some(_)) => action.contains(pattern.trim_matches('*')),
        (Some(end), None) => action.ends_with(end),
        (None, Some(start)) => action.starts_with(start),
        (None, None) => action == pattern,
    }
}

/// The services that have network commands, sorted: for a search that narrows by service first.
#[must_use]
pub fn network_services() -> Vec<&'static str> {
    let mut services: Vec<_> = CALLS.iter().map(|row| row.0).collect();
    services.sort_unstable();
    services.dedup();
    services
}

/// The class of network command an action may be: the request parameters may still say that it is none ([`network_command`]).
#[must_use]
pub fn network_class(source: &str, name: &str) -> Option<NetworkClass> {
    rows(source, name).next().map(|row| row.2)
}

/// The class of network command a call is, whatever became of it.
#[must_use]
pub fn network_command(facts: &Facts<'_>) -> Option<NetworkClass> {
    let (source, name) = (facts.event_source?, facts.event_name?);
    let parameters = facts.request_parameters.unwrap_or_default();
    let row = rows(source, name).find(|row| row.3.is_empty() || row.3.iter().any(|key| names(parameters, key)))?;
    // A read that opens a shell is listed as one; any other class changes something.
    (row.2 == RemoteShell || !is_read_only(facts)).then_some(row.2)
}

/// Whether a JSON text has this key, at any depth.
fn names(json: &str, key: &str) -> bool {
    json.match_indices(key).any(|(at, _)| {
        json[..at].ends_with('"') && json[at + key.len()..].strip_prefix('"').is_some_and(|rest| rest.trim_start().starts_with(':'))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn classes_by_name() {
        for (source, name, class) in [
            ("ec2.amazonaws.com", "AuthorizeSecurityGroupIngress", Some(SecurityGroup)),
            ("ec2", "CreateTransitGatewayRoute", Some(TransitGateway)),
            ("ec2", "DescribeTransitGateways", None),
            ("ec2", "AssociateClientVpnTargetNetwork", Some(Vpn)),
            ("cloudfront", "UpdateDistribution2020_05_31", Some(Edge)),
            ("directconnect", "DeleteLag", Some(DirectConnect)),
            ("ssm", "StartSession", Some(RemoteShell)),
            ("ssm", "GetParameter", None),
            ("iam", "CreateUser", None),
            ("iam", "AuthorizeSecurityGroupIngress", None),
        ] {
            assert_eq!(network_class(source, name), class, "{name}");
        }
    }

    #[test]
    fn parameters_decide_where_a_call_does_other_things_too() {
        let facts = |parameters| Facts {
            event_source: Some("ec2.amazonaws.com"),
            event_name: Some("ModifyInstanceAttribute"),
            request_parameters: Some(parameters),
            ..Facts::default()
        };
        assert_eq!(network_command(&facts(r#"{"instanceId":"i-1","groupSet":{"items":[]}}"#)), Some(SecurityGroup));
        assert_eq!(network_command(&facts(r#"{"instanceId":"i-1","sourceDestCheck":{"value":false}}"#)), Some(Interface));
        assert_eq!(network_command(&facts(r#"{"instanceId":"i-1","userData":"groupSet"}"#)), None);
    }

    #[test]
    fn reads_are_no_commands() {
        let facts = |read_only| Facts {
            event_source: Some("route53.amazonaws.com"),
            event_name: Some("ChangeResourceRecordSets"),
            read_only: Some(read_only),
            ..Facts::default()
        };
        assert_eq!(network_command(&facts(true)), None);
        assert_eq!(network_command(&facts(false)), Some(Dns));
    }

    #[test]
    fn every_class_has_calls_and_no_call_stands_twice() {
        for class in NetworkClass::ALL {
            assert!(CALLS.iter().any(|row| row.2 == class), "{class}");
        }
        let mut keys: Vec<_> = CALLS.iter().map(|row| (row.0, row.1, row.2)).collect();
        keys.sort_unstable();
        let count = keys.len();
        keys.dedup();
        assert_eq!(keys.len(), count);
        for row in CALLS {
            assert!(row.1.trim_matches('*').len() > 2 && !row.0.is_empty(), "{row:?}");
        }
    }
}
