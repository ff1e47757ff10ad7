"""What Spark's vendor leaves unpublished, and what this sandbox does instead.

Everything else on this surface was published by the vendor or seen in captured answers. A number
stays with its assumption; other modules refer to them by it. No code belongs here.

Answers and errors
 1. A record read by its key comes as an object with its own fields, `@odata.context` ending in
    `#Property/$entity`, not as a list of one.
 2. `@odata.context` of a list under an entity names its path (`#Property('1')/Media`), and never
    the selected fields.
 3. `error.code` is a number. For 1000 it is the HTTP status (as captured), for 1550 too; every
    other Spark code is shown as itself, since 1024 could not be told from 1510 otherwise.
 4. Lists under an entity take `$top`, `$skip`, `$count`, `$select`, `$orderby` and `$filter`,
    have the default page of 10 and go on by `$skip`. An entity takes `$select` and `$expand`.
 5. Any other option that begins with `$` is a 400, a custom one without `$` is ignored and not
    repeated in links. An option given twice is a 400. The service document and `$metadata`
    ignore options.

Selecting and expanding
 6. `@odata.id` stays with every record whatever is selected; the key does not come by itself.
    A selected field that is hidden is told by its `@Core.Permissions`; selected fields come in
    the order in which they were asked for.
 7. An unknown field in `$select`, `$orderby` or `$filter` is a 400 (seen for `$select`), and so
    is an unknown navigation in `$expand`. `$select` may also name navigations, to no effect.
 8. Inside `$expand`: `$select`, `$top`, `$skip`, `$orderby` and `$filter`, each as outside;
    without `$top` all entities come. There is no limit to the number of expansions. Room, Unit
    and OpenHouse below a listing carry a relative `@odata.id` (seen for Room).
 9. `CustomFields` can still be expanded although the schema does not list it: one object in an
    array, with the fields of the record that are the MLS's own. The vendor's replicator needs it.
10. Navigations that this sandbox doesn't fill (HistoryTransactional, RentalCalendar, ...) give
    `[]`, and so does Media of members and offices.

Filtering
11. A field that can't be compared with what stands beside it is a 400. Text is compared by code
    point and case; a number in quotes is no number.
12. A field that is hidden, not sent or null counts as null. `eq null` is true for it, ordering is
    false, functions of it are null.
13. A field with a list of values equals a text (`eq`, `in`) if one of its values does. Other
    operators, functions and `any`/`all` don't take lists.
14. A timestamp in quotes is taken like one without, a timestamp without a zone as UTC, a date as
    its midnight in UTC. `datetime'...'` is a 400 (as on other servers).
15. A filter may have 8,192 characters and 50 levels; more is a 400 (on the native API 1041).
16. Of the 400s seen on real Spark: `ModificationTimestamp gt` twice anywhere in a filter; a pair
    of parentheses that holds nothing but another pair; a window of ModificationTimestamp, among
    the conditions joined by `and`, in which no moment lies; `$expand` with `$orderby` or `$skip`.
17. `geo.intersects` knows the field `Location`, made of Latitude and Longitude; further rings of
    a POLYGON are holes; an outline counts on plain coordinates.

Paging
18. A `$top` that is 0, negative, no number or above the key's maximum is a 400; so is a `$skip`
    above 2,500,000. A list without `$top` has 10 records whatever the version of the root.
19. Property, Member, Office and OpenHouse go on by `$skiptoken`, the key of the last record. It
    is a position: whether that record still exists doesn't matter, and it never expires (but by
    a fault). Together with `$orderby`, or a `$skip` of the client's, it is a 400.
20. Lists with an `$orderby` go on by `$skip`, and so does Lookup (seen). Null sorts lowest; equal
    values are in the order of their keys. Lists and long texts can't be sorted by.
21. `@odata.count` is counted afresh for every page. There is no link after a full last page.
22. An empty `$skiptoken` is the beginning on every list.

Access
23. Writing to any path below the root is a 405 once the token is accepted. A POST with
    `X-HTTP-Method-Override: GET` takes its options from the address and from its form.
24. The key role decides the maximum of `$top` (25 live, 1,000 replication). One host serves both
    roots; whether a key is on the wrong one (403/1021) is for the sandbox's access list to say.
25. `/Reso/OData` and `/v1/Reso/OData` answer in the market's own shape, `/Version/2/Reso/OData`
    and `/Version/3/Reso/OData` in theirs. The first version's encoded values (`b__...`) are not
    made.
"""
