/* SPDX-License-Identifier: Apache-2.0
 * Channels in layers and groups, and the rules for it. */
#include "test.h"

#include "exr/grouping.h"
#include "exr_make.h"

static smalti_error error;

/* "group:layer(view)=R,G group:…" of a file's layers, part by part. */
static const char *describe(const make *m, const char *rules_text)
{
    static char text[4096];
    smalti_exr *exr;
    smalti_exr_rules *rules;
    smalti_exr_layers layers;
    CHECK_OK(smalti_exr_new(NULL, &exr, &error), error);
    CHECK_OK(smalti_exr_rules_new(rules_text, rules_text ? strlen(rules_text) : 0, "rules", &rules, &error), error);
    CHECK_OK(smalti_exr_open_memory(exr, m->data, m->size, "a.exr", &error), error);
    CHECK_OK(smalti_exr_layers_find(exr, rules, &layers, &error), error);
    size_t used = 0;
    text[0] = 0;
    for (size_t i = 0; i < layers.count; i++) {
        const smalti_exr_layer *layer = &layers.layers[i];
        used += (size_t)snprintf(text + used, sizeof text - used, "%s%s:%.*s", i ? " " : "", layer->group,
                                 (int)layer->name.size, layer->name.data);
        if (layer->view.size)
            used +=
                (size_t)snprintf(text + used, sizeof text - used, "(%.*s)", (int)layer->view.size, layer->view.data);
        for (uint32_t c = 0; c < layer->channel_count; c++)
            used += (size_t)snprintf(text + used, sizeof text - used, "%s%s", c ? "," : "=",
                                     smalti_exr_header_get(exr)->parts[layer->part].channels[layer->channels[c]].name);
    }
    smalti_exr_layers_clear(&layers);
    smalti_exr_rules_free(rules);
    smalti_exr_free(exr);
    return text;
}

static const char *of_channels(const char *channels, const char *rules)
{
    make m;
    make_simple(&m, (make_part){.channels = channels});
    const char *text = describe(&m, rules);
    make_free(&m);
    return text;
}

TEST("the default groups take what renderers write")
{
    CHECK_STR(of_channels("A B G R Z:f", NULL), "beauty:=R,G,B,A data:=Z");
    CHECK_STR(of_channels(
                  "B G R CryptoObject00.A:f CryptoObject00.B:f _walls.B diffuse.B diffuse.G diffuse.R lgt_key.R zork.q",
                  NULL),
              "beauty:=R,G,B beauty:diffuse=diffuse.R,diffuse.G,diffuse.B cryptomatte:CryptoObject00=CryptoObject00.B,"
              "CryptoObject00.A lights:lgt_key=lgt_key.R objects:_walls=_walls.B other:zork=zork.q");
    CHECK_STR(
        of_channels("N.X N.Y N.Z ZDepth.B ZDepth.G ZDepth.R ViewLayer.Combined.R", NULL),
        "beauty:ViewLayer.Combined=ViewLayer.Combined.R data:N=N.X,N.Y,N.Z data:ZDepth=ZDepth.R,ZDepth.G,ZDepth.B");
}

static void two_views(make *m)
{
    static const char views[] = "\5\0\0\0right\4\0\0\0left";
    make_attribute(m, "multiView", "stringvector", sizeof views - 1);
    make_bytes(m, views, sizeof views - 1);
}

static void no_views(make *m)
{
    make_attribute(m, "multiView", "stringvector", 0);
}

TEST("views are told from layers")
{
    make m;
    make_simple(&m, (make_part){.channels = "R diffuse.R diffuse.left.R left.R left.Z", .more = two_views});
    CHECK_STR(describe(&m, NULL), "beauty:(left)=left.R beauty:(right)=R beauty:diffuse=diffuse.R "
                                  "beauty:diffuse(left)=diffuse.left.R data:(left)=left.Z");
    make_free(&m);
    make_simple(&m, (make_part){.channels = "R left.R", .more = no_views}); /* an empty list of views */
    CHECK_STR(describe(&m, NULL), "beauty:=R other:left=left.R");
    make_free(&m);
}

TEST("the layer of a part is in its name")
{
    make m;
    make_begin(&m, 0x1000);
    make_add(&m, (make_part){.name = "depth.left", .view = "left", .channels = "Z:f"});
    make_add(&m, (make_part){.name = "crypto_asset", .channels = "B G R"});
    make_add(&m, (make_part){.name = "light_key", .channels = "B foo.R"});
    make_finish(&m);
    CHECK_STR(describe(&m, "[[group]]\nname='l'\nlayers=['depth','crypto*']\n"),
              "l:depth(left)=Z l:crypto_asset=R,G,B other:foo=foo.R other:light_key=B");
    make_free(&m);
}

TEST("rules in JSON and in TOML say the same")
{
    const char *channels = "A:f B G R a.R b.R c.X c.x d[1].R";
    const char *json =
        "{\"other\": \"rest\", \"exact_case\": true, \"group\": [{\"name\": \"one\", \"layers\": [\"a\", \"c?\"]},"
        "{\"name\": \"two\", \"channels\": [\"?\", \"c.x\"]}]}";
    const char *toml = " # mine\nother = \"rest\"\nexact_case=true # yes\n\n[[group]]\nname = 'one'\nlayers = [ 'a',\n"
                       "# more\n 'c?', ]\n[[group]]\r\nname = \"two\"\r\nchannels = ['?', 'c.x']";
    const char *expected = "one:a=a.R two:=R,G,B,A two:c=c.x rest:b=b.R rest:c=c.X rest:d[1]=d[1].R";
    CHECK_STR(of_channels(channels, json), expected);
    CHECK_STR(of_channels(channels, toml), expected);
    CHECK_STR(of_channels("R", ""), "other:=R");
}

TEST("patterns match as shells do")
{
    const struct {
        const char *pattern, *text;
        bool matches, exact;
    } cases[] = {
        {"*", "", true, true},
        {"", "", true, true},
        {"", "a", false, true},
        {"a*", "abc", true, true},
        {"*c", "abc", true, true},
        {"*b*", "abc", true, true},
        {"a?c", "abc", true, true},
        {"a?c", "ac", false, true},
        {"*ab", "aab", true, true},
        {"*a*a", "aaa", true, true},
        {"a*b*c", "aXbYbZc", true, true},
        {"a*b", "acx", false, true},
        {"ABC", "abc", false, true},
        {"ABC", "abc", true, false},
        {"id[0-9]*", "id7x", true, true},
        {"id[0-9]", "idx", false, true},
        {"[ab]c", "bc", true, true},
        {"a[", "a[", true, true},
    };
    for (size_t i = 0; i < SMALTI__COUNT(cases); i++)
        if (smalti__exr_glob(cases[i].pattern, cases[i].text, strlen(cases[i].text), cases[i].exact) !=
            cases[i].matches)
            TEST_FAIL("'%s' and '%s'", cases[i].pattern, cases[i].text);
}

TEST("wrong rules are refused with what is wrong")
{
    const struct {
        const char *text;
        smalti_result code;
        const char *message;
    } cases[] = {
        {"{", SMALTI_E_INVALID, "line 1"},
        {"{}", SMALTI_E_INVALID_TYPE, "a list 'group'"},
        {"{\"group\": [], \"groop\": 1}", SMALTI_E_INVALID_KEY, "no key 'groop'"},
        {"{\"group\": [{\"layers\": []}]}", SMALTI_E_INVALID_TYPE, "with a name"},
        {"{\"group\": [{\"name\": \"a\", \"layer\": []}]}", SMALTI_E_INVALID_KEY, "no key 'layer'"},
        {"{\"group\": [{\"name\": \"a\", \"layers\": [1]}]}", SMALTI_E_INVALID_TYPE, "not a text"},
        {"{\"group\": [{\"name\": \"\"}]}", SMALTI_E_INVALID_RANGE, "1 to 255 bytes"},
        {"[[group]]\nlayers = []", SMALTI_E_INVALID, "comes first at line 2"},
        {"[[group]]\n[[group]]", SMALTI_E_INVALID, "without a name"},
        {"[[group]]", SMALTI_E_INVALID, "without a name"},
        {"[[group]]\nname = 'a'\nname = 'b'", SMALTI_E_INVALID, "two names at line 3"},
        {"[[group]]\nname = 'a\n'", SMALTI_E_INVALID, "without an end"},
        {"[[group]]\nname = 'a'\nlayers = ['a' 'b']", SMALTI_E_INVALID, "list without an end"},
        {"[[group]]\nname = 'a'\nlayers = 'a'", SMALTI_E_INVALID_TYPE, "not a list"},
        {"[[group]]\nname = 'a'\nlayer = []", SMALTI_E_INVALID_KEY, "no such key"},
        {"other = 'a' 3", SMALTI_E_INVALID, "something behind"},
        {"exact_case = 1", SMALTI_E_INVALID_TYPE, "neither true nor false"},
        {"wrong = 1", SMALTI_E_INVALID_KEY, "no such key at line 1"},
        {"hello", SMALTI_E_INVALID, "not a key"},
        {"other = \"a\\x\"", SMALTI_E_INVALID, "escape"},
    };
    for (size_t i = 0; i < SMALTI__COUNT(cases); i++) {
        smalti_exr_rules *rules = NULL;
        smalti_result result = smalti_exr_rules_new(cases[i].text, strlen(cases[i].text), "my.toml", &rules, &error);
        if (result != cases[i].code)
            TEST_FAIL("%s gave %d: %s", cases[i].text, result, error.message);
        CHECK(!rules);
        CHECK_HAS(error.message, "my.toml: ");
        CHECK_HAS(error.message, cases[i].message);
    }
}

TEST("limits on rules hold")
{
    smalti_exr_rules *rules;
    char *text = malloc(2 << 20);
    size_t size = 0;
    for (int i = 0; i < 300; i++)
        size += (size_t)sprintf(text + size, "[[group]]\nname='%d'\n", i);
    CHECK_INT(smalti_exr_rules_new(text, size, "a", &rules, &error), SMALTI_E_LIMIT);
    size = (size_t)sprintf(text, "[[group]]\nname='a'\nlayers=[");
    for (int i = 0; i < 5000; i++)
        size += (size_t)sprintf(text + size, "'x',");
    CHECK_INT(smalti_exr_rules_new(text, size, "a", &rules, &error), SMALTI_E_LIMIT);
    memset(text, '\n', 2 << 20);
    CHECK_INT(smalti_exr_rules_new(text, 2 << 20, "a", &rules, &error), SMALTI_E_LIMIT);
    free(text);
}

TEST("groups are named in their order")
{
    smalti_exr_rules *rules;
    CHECK_OK(smalti_exr_rules_new(NULL, 0, NULL, &rules, &error), error);
    const char *const *names = smalti_exr_rules_groups(rules);
    const char *const expected[] = {"beauty", "cryptomatte", "lights", "data", "objects", "other"};
    for (size_t i = 0; i < 6; i++)
        CHECK_STR(names[i], expected[i]);
    CHECK(!names[6]);
    smalti_exr_rules_free(rules);
}
