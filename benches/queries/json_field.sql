-- Who touched one bucket, by a field of the parameters.
SELECT event_name, user_identity_arn, count(*) AS events
FROM cloudtrail
WHERE (request_parameters ->> 'bucketName') = $bucket
GROUP BY event_name, user_identity_arn
ORDER BY events DESC, event_name, user_identity_arn
