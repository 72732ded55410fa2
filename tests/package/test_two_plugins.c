/* Two plug-ins in one process, one linked with libtulle and one with libtulle64: each gets its own library,
 * whichever was loaded first. */
#include <check.h>
#include <dlfcn.h>
#include <stdlib.h>

static int (*load(const char *path, const char *name))(void)
{
    void *plugin = dlopen(path, RTLD_NOW | RTLD_GLOBAL);
    ck_assert_msg(plugin != NULL, "%s", dlerror());
    int (*answer)(void);
    *(void **)&answer = dlsym(plugin, name);
    ck_assert_msg(answer != NULL, "%s", dlerror());
    return answer;
}

START_TEST(float_first)
{
    int (*in_float)(void) = load(PLUGIN_FLOAT, "plugin_float");
    int (*in_double)(void) = load(PLUGIN_DOUBLE, "plugin_double");
    ck_assert_msg(in_float(), "the plug-in in float");
    ck_assert_msg(in_double(), "the plug-in in double");
}
END_TEST

START_TEST(double_first)
{
    int (*in_double)(void) = load(PLUGIN_DOUBLE, "plugin_double");
    int (*in_float)(void) = load(PLUGIN_FLOAT, "plugin_float");
    ck_assert_msg(in_double(), "the plug-in in double");
    ck_assert_msg(in_float(), "the plug-in in float");
}
END_TEST

int main(void)
{
    Suite *s = suite_create("two_plugins");
    TCase *t = tcase_create("two_plugins");
    tcase_add_test(t, float_first);
    tcase_add_test(t, double_first);
    suite_add_tcase(s, t);
    SRunner *runner = srunner_create(s);
    srunner_run_all(runner, CK_NORMAL);
    const int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
