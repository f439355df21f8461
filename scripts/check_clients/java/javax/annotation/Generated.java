package javax.annotation;

/** In place of the one that left the JDK with Java 11; the generated client only wears it. */
public @interface Generated {
    String[] value();

    String date() default "";

    String comments() default "";
}
