"""Reads what the engine has, and follows its links."""

from session import run


def script(connection, _):
    system = connection.system_service()
    api = system.get()
    hosts = system.hosts_service().list()
    functions = [
        nic
        for host in hosts
        for nic in system.hosts_service().host_service(host.id).nics_service().list(query={"all_content": True})
        if nic.virtual_functions_configuration
    ]
    web = system.vms_service().list(search="name=web", all_content=True)[0]
    return {
        "product": api.product_info.name,
        "version": [api.product_info.version.major, api.product_info.version.minor],
        "tested": connection.test(),
        "data_centers": [each.name for each in system.data_centers_service().list()],
        "clusters": {each.name: [each.version.major, each.version.minor] for each in system.clusters_service().list()},
        "hosts": {each.name: each.status.value for each in hosts},
        "networks": {
            each.name: {
                "usages": [usage.value for usage in each.usages],
                "external": each.external_provider is not None,
            }
            for each in system.networks_service().list()
        },
        "cluster_networks": sorted(
            each.name
            for each in connection.follow_link(connection.follow_link(web.cluster).networks)
        ),
        "vms": {each.name: each.status.value for each in system.vms_service().list()},
        "first_vm": [each.name for each in system.vms_service().list(search="sortby name asc page 1", max=1)],
        "web_host": connection.follow_link(web.host).name,
        "physical_functions": [
            [each.name, each.virtual_functions_configuration.number_of_virtual_functions] for each in functions
        ],
        "filters": [each.name for each in system.network_filters_service().list()],
    }


run(script)
