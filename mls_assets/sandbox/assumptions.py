"""What the vendors leave unpublished, and what the market and the Forge surface do instead.

The assumptions of the Spark surface itself (paging, filters, errors) are numbered in
`mls_assets.sandbox.spark.assumptions`. No code belongs here.

The market behind Spark
 1. A key's twenty-first to twenty-sixth digits are zeros (as captured), but those of media, rooms
    and units, which number the children of a listing, so that no key can come twice.
 2. Base records were created between 2016 and the end of 2025; their content is a function of
    seed, size and position, whenever the sandbox runs. What is upcoming depends on its clock.
 3. The feed has every status but Delete and Incomplete; older listings are mostly Closed. A
    listing may be given any status through the control API.
 4. A change is visible at once unless `delay_minutes` is set (the guide knows up to 20 minutes);
    then each key has its own delay from 0 to that many minutes, and carries the time at which the
    change was made. What has become visible stays so when the clock is moved back.
 5. New, removed and replaced photos move PhotosChangeTimestamp and ModificationTimestamp (seen on
    Spark: the former is never later); `touch: false` leaves the latter alone.
 6. A relisted house gets a new ListingKey and ListingId; the old listing is Withdrawn and stays.
 7. A record that returns after a removal has a new ModificationTimestamp (`touch: false`: not).
 8. Open houses are announced on Monday, 6:00 to 6:10 UTC, a week ahead. One is visible until its
    end, while its listing is there and Active, Active Under Contract or Coming Soon.
 9. $metadata declares what a real one declared: v2's option booleans and padding are not in it,
    and everything that v3 sends is.
10. Members and offices have no fields that are hidden or local. A listing embeds its agent as
    it was first known; later changes of the member don't reach it (the vendor warns of it).
11. A revoked token is refused with 401 and code 1010.

Forge
12. Path `/graphql`, POST with JSON; GET with `query` and `variables` is taken too. A missing or
    wrong token is HTTP 401 with `{"error": ...}`; a body without a query HTTP 400.
13. A query that doesn't fit the schema is HTTP 200 with `errors` and without `data`. So is an
    event id beyond 2,147,483,647 on the way in; on the way out it nulls the answer with an error.
14. An MLS that does not exist, or is not granted, is `"mls": null` without errors.
15. `agents` has the arguments and the envelope of `listings`; records are keyed by MemberKey.
16. Types are called Mls, ListingReplication, AgentReplication, Listing, Agent and ForgeFeature.
    Strings, floats, ints, booleans and lists of strings; no own scalars. Introspection is on.
17. `DataDictionaryFilterType` is `{field, operator = EQ, values}` with the operators EQ, NE, GT,
    GE, LT and LE; several must all hold. Tombstones always pass; a record that stops to match
    goes silent. With a filter a page looks at up to 10,000 events, so it may be thin or empty
    while `remaining` (which always counts events) is not 0.
18. Base records are the first events in the order of their keys; ids ascend with gaps. Every
    change appends one event. An answer shows each record as it is now, whatever the event was.
19. A record with several events after the cursor comes once per event (`each`), or only at its
    latest one (`once`, a setting). An answer has 500 results as long as there are enough.
20. A cursor at or beyond the end is given back unchanged, with `remaining` 0.
21. Losing access to an MLS makes it vanish from `mlses` and null in `mls`; with `"tombstones":
    true` it stays, and all its records become tombstones. Access regained brings new events.
22. Dates are `2004-02-04T00:00:00` (as the guide's ListDate) and timestamps have no zone either;
    they are UTC. Whole numbers have no fraction. PublicRemarks and ListingContractDate are null,
    Remarks and ListDate have their values. Tombstones have no Photos.
23. Keys are short numbers in text, as the guide's `1102414`, and not comparable between MLSs.

Both
24. Spark's documented limit (1,500 requests in 5 minutes) is counted only if `rate_limit` is set;
    for Forge none is published. A `Retry-After` comes with it.
25. The `Date` header follows the sandbox clock, and so does everything else.
"""
