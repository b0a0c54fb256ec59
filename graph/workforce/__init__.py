"""Courses, training, licences, authorisations and recent experience in the graph."""

from graph.core.room import Room
from graph.workforce import authorisations, courses, enrolments, experience, licences, training_records

TOPICS = (courses, training_records, enrolments, licences, authorisations, experience)

ROOM = Room(
    projections=[
        courses.Course,
        training_records.TrainingRecord,
        enrolments.Enrolment,
        licences.Licence,
        authorisations.Authorisation,
        experience.ExperienceEntry,
    ],
    queries=[root for topic in TOPICS for root in topic.QUERIES],
    mutations=[mutation for topic in TOPICS for mutation in topic.MUTATIONS],
    subscriptions=[subscription for topic in TOPICS for subscription in topic.SUBSCRIPTIONS],
)
