"""Adds, lists, updates and removes profiles, and is refused."""

from ovirtsdk4 import types

from session import profile_of, refused, run


def script(connection, _):
    system = connection.system_service()
    networks = {each.name: each for each in system.networks_service().list()}
    profiles = system.vnic_profiles_service()

    def profile(name, network, **more):
        return types.VnicProfile(name=name, network=types.Network(id=networks[network].id), **more)

    passthrough = dict(pass_through=types.VnicPassThrough(mode=types.VnicPassThroughMode.ENABLED), migratable=True)
    standby = profiles.add(profile("data", "data", custom_properties=[
        types.CustomProperty(name="SecurityGroups", value="a & b"),
    ]))
    fast = profiles.add(profile("fast", "data-vf", failover=types.VnicProfile(id=standby.id), **passthrough))
    spare = profiles.add(profile("spare", "data"))
    service = profiles.profile_service(fast.id)
    updated = service.update(types.VnicProfile(description="SR-IOV", failover=types.VnicProfile(id=spare.id)))
    uncleared = service.update(types.VnicProfile(failover=types.VnicProfile()))
    refusals = {
        "acting": refused(lambda: profiles.profile_service(spare.id).update(types.VnicProfile(name="renamed"))),
        "taken": refused(lambda: profiles.add(profile("data", "data"))),
        "virtio": refused(lambda: profiles.add(profile("x", "data", failover=types.VnicProfile(id=spare.id)))),
    }
    listed = connection.follow_link(networks["data"].vnic_profiles)
    profiles.profile_service(standby.id).remove()
    profiles.profile_service(spare.id).remove()
    return {
        "standby": profile_of(standby),
        "fast": profile_of(fast),
        "spare": profile_of(spare),
        "updated": profile_of(updated),
        "uncleared": profile_of(uncleared),
        "refusals": refusals,
        "listed": sorted(each.name for each in listed),
        "left": [profile_of(each) for each in profiles.list() if each.name != "ovirtmgmt"],
        "gone": refused(lambda: profiles.profile_service(standby.id).get()),
    }


run(script)
